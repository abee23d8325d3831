"""Statements: Jinja2's syntax tree to steps that lay pieces out over a frame."""
