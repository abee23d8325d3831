"""SQL lives in files, one statement each, named for what it does."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def statement(folder: str, name: str) -> str:
    """The text of ``sql/FOLDER/NAME.sql`` beside this module."""
    return resources.files(__package__).joinpath("sql", folder, f"{name}.sql").read_text(encoding="utf-8")
