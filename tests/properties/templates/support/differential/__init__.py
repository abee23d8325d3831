"""Columnar rendering against Jinja2: generated templates, hostile rows, and the comparison."""
