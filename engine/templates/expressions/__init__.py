"""Expressions: Jinja2's syntax tree to functions from a frame to a value."""
