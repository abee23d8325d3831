"""Queues, one file a kind."""
