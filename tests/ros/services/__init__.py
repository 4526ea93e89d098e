"""Services beside the answers: drift check, armed moves, files, diagnostics, and clients that have only just started."""
