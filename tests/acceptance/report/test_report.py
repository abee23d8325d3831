"""The report's page in a real browser: what it shows is what the ledger says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]


class Figures(HTMLParser):
    """The numbers that the page marks with data attributes, by kind and name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[str, str], str] = {}
        self.frames: list[str] = []
        self._open: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "iframe":
            self.frames.append(dict(attrs).get("srcdoc") or "")
        for name, value in attrs:
            if name.startswith("data-"):
                self._open = (name.removeprefix("data-"), value or "")

    def handle_data(self, text: str) -> None:
        if self._open is not None and text.strip():
            self.found[self._open] = text.strip()
            self._open = None

    def number(self, kind: str, name: str) -> int:
        return int(self.found[kind, name].replace(",", ""))


@pytest.fixture
def in_browser(tmp_path: Path) -> Callable[..., str]:
    """Open a page with flags, and give what the browser prints."""
    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip("no Chromium on this machine")
    assert CHROMIUM is not None

    def dump(page: Path, *flags: str) -> str:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        done = subprocess.run(
            [CHROMIUM, *FLAGS, profile, *flags, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    return dump


@pytest.fixture
def reported(mailray: Callable[..., Any], campaign: Path, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    customers = campaign / "customers.csv"
    lines = customers.read_text(encoding="utf-8").splitlines()
    for number, outcome in ((1, "temporary"), (2, "permanent"), (3, "timeout")):
        fields = lines[number].split(",")
        fields[2] = f"{outcome}@example.com"
        lines[number] = ",".join(fields)
    customers.write_text("\n".join(lines) + "\n", encoding="utf-8")
    mailray("run", campaign, "--runner", "inline", "--run-dir", "one")
    page = Path(mailray("report", "one", "--json").json["report"])
    return page, mailray("status", "one", "--json").json


def test_the_page_shows_what_the_ledger_says(
    in_browser: Callable[..., str], reported: tuple[Path, dict[str, Any]]
) -> None:
    page, status = reported
    figures = Figures()
    figures.feed(in_browser(page, "--dump-dom"))
    for name in ("accepted", "rejected", "deferred", "unknown", "skipped"):
        assert figures.number("figure", name) == status["outcomes"][name]
    assert figures.number("figure", "recipients") == status["plan"]["recipients"] == 40
    assert figures.number("figure", "messages") == status["plan"]["messages"]
    for verdict, count in status["plan"]["verdicts"].items():
        assert figures.number("verdict", verdict) == count
    for segment, counts in status["plan"]["segments"].items():
        assert figures.number("segment", segment) == counts["audience"]


def test_three_real_messages_are_shown(in_browser: Callable[..., str], reported: tuple[Path, dict[str, Any]]) -> None:
    figures = Figures()
    figures.feed(in_browser(reported[0], "--dump-dom"))
    assert len(figures.frames) == 3
    assert all("Example Store" in frame and "https://example.com/u/" in frame for frame in figures.frames)


def test_the_page_is_drawn_and_asks_for_nothing(
    in_browser: Callable[..., str], reported: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    picture = tmp_path / "page.png"
    in_browser(reported[0], f"--screenshot={picture}", "--window-size=1100,2400")
    assert picture.stat().st_size > 50_000  # an empty page of this size is a tenth of it
    text = reported[0].read_text(encoding="utf-8")
    outside = re.sub(r'srcdoc="[^"]*"', "", text)
    assert "<script" not in outside
    assert not re.search(r"""(?:src|href)\s*=\s*["']https?:""", outside)
