"""Entry points: each parses, assembles, calls one thing, prints a summary."""
