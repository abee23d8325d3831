"""Mailray's engine: campaigns as columnar programs."""
