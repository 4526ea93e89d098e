"""Several cells on one graph, one cell on several hosts."""
