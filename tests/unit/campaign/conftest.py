"""A small valid campaign, and what the loader says about changes to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.campaign.load import load_campaign
from engine.errors import CampaignError, Diagnostic

VALID = """\
name: spring
type: welcome_series
timezone: Europe/Berlin
audience:
  source: people.parquet
  key: id
  where: age >= 18
segments:
  loyal: orders > 3
workflow:
  - id: split
    type: conditional_branch
    branches:
      - when: loyal
        next: thanks
    else: hello
  - id: thanks
    type: send_email
    template: thanks
    next: end
  - id: hello
    type: send_email
    template: series/hello
delivery:
  transport: "rehearsal:"
  from:
    address: news@example.com
    name: The Shop
  unsubscribe:
    url: https://example.com/u/
  postal_address: 1 Main Street
"""


@pytest.fixture
def valid() -> str:
    return VALID


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        (tmp_path / "campaign.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return written


@pytest.fixture
def faults(write: Callable[[str], Path]) -> Callable[[str], tuple[Diagnostic, ...]]:
    """The diagnostics of a text, none if it is valid."""

    def found(text: str) -> tuple[Diagnostic, ...]:
        try:
            load_campaign(write(text))
        except CampaignError as error:
            return error.diagnostics
        return ()

    return found
