"""What goes wrong during a sweep: a right result or a clear refusal, as docs/reliability.md says row by row."""
