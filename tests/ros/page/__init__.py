"""The live page: who may ask, what may be ordered, and the page itself in a browser."""
