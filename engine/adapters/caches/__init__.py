"""Layers of the cache that lie outside of this process, and what follows them."""
