"""The rules that are shipped."""

from __future__ import annotations

from importlib import resources

import pytest

from engine.delivery.feedback.rules import BounceRules


@pytest.fixture(scope="session")
def rules() -> BounceRules:
    return BounceRules.parse(resources.files("engine.adapters.feedback").joinpath("rules.toml").read_text("utf-8"))
