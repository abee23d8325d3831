"""The table of mail domains that comes with the program."""

from __future__ import annotations

from importlib import resources

from engine.delivery.pacing import parse_table


def destination_table() -> dict[str, str]:
    """Domains with the group that serves them."""
    text = resources.files("engine.delivery.pacing").joinpath("destinations.csv").read_text(encoding="utf-8")
    return parse_table(text)
