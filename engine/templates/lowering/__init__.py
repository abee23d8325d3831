"""Filters and tests over columns: the exact fast paths beside Jinja2's own functions."""
