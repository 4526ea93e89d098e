"""What the node must not do, whoever asks: open other files, use other names, run without the keys that it was told to use."""
