"""docs/errors.md lists the codes that the program has, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import engine.errors

ROOT = Path(engine.errors.__file__).parent.parent
CODE = re.compile(r"\bMR\d{3}\b")


def test_every_code_stands_in_the_page_once() -> None:
    sources = [*(ROOT / "engine").rglob("*.py"), *(ROOT / "jobs").rglob("*.py")]
    written = {code for file in sources for code in CODE.findall(file.read_text(encoding="utf-8"))}
    rows = re.findall(r"^\| (MR\d{3}) \| [^|]+ \| [^|]+ \|$", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == written
