"""Text files in sections: ``== name`` and then lines; what stands before the first section is a remark."""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = re.compile(r"^== (.+)\n", re.MULTILINE)


def sections(path: Path) -> dict[str, str]:
    """Each section's text, without the blank lines around it."""
    _, *parts = _HEAD.split("\n" + path.read_text("utf-8"))
    return {name: text.strip("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}


def lists(path: Path) -> dict[str, tuple[str, ...]]:
    """Each section's lines."""
    return {name: tuple(text.splitlines()) for name, text in sections(path).items()}
