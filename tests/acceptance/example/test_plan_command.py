"""`mailray plan` on the example counts what SQL counts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def without_holdout(example: Path, tmp_path: Path) -> Path:
    """A holdout is drawn by keyed hash, which SQL cannot count; without one every figure can be compared."""
    folder = tmp_path / "campaign"
    shutil.copytree(example, folder)
    text = (folder / "campaign.yaml").read_text(encoding="utf-8")
    start = text.index("  holdout:")
    end = text.index("\n\n", start)
    (folder / "campaign.yaml").write_text(text[:start] + text[end:], encoding="utf-8")
    return folder


def test_verdicts_equal_the_count_by_sql(mailray: Callable[..., Any], example: Path, expected: Any) -> None:
    plan = mailray("plan", example, "--runner", "inline", "--json").json["plan"]
    verdicts = dict(plan["verdicts"])
    reachable = verdicts.pop("eligible") + verdicts.pop("held_out")
    assert {**verdicts, "reachable": reachable} == expected.verdicts
    assert plan["recipients"] == expected.recipients == 64_000
    assert {name: each["audience"] for name, each in plan["segments"].items()} == expected.segments


def test_segments_branches_and_messages_equal_the_count_by_sql(
    mailray: Callable[..., Any], without_holdout: Path, expected: Any
) -> None:
    plan = mailray("plan", without_holdout, "--runner", "inline", "--json").json["plan"]
    assert plan["verdicts"]["eligible"] == expected.reachable
    assert {name: each["eligible"] for name, each in plan["segments"].items()} == expected.segments_reachable
    assert plan["branches"]["line"] == expected.line_reachable
    assert plan["templates"] == {
        "menswear": expected.line_reachable["send_menswear"],
        "womenswear": expected.line_reachable["send_womenswear"],
    }


def test_the_holdout_is_a_tenth(mailray: Callable[..., Any], example: Path, expected: Any) -> None:
    held_out = mailray("plan", example, "--runner", "inline", "--json").json["plan"]["verdicts"]["held_out"]
    # Six standard deviations of a binomial with p = 0.1.
    assert abs(held_out - expected.reachable / 10) < 6 * (expected.reachable * 0.09) ** 0.5


@pytest.mark.parametrize("rows", [8_192, 24_576, 64_000])
def test_any_partition_size_gives_the_same_outbox(mailray: Callable[..., Any], example: Path, rows: int) -> None:
    now = "2026-03-01T09:00:00+00:00"
    usual = mailray("plan", example, "--runner", "inline", "--json", "--now", now).json
    other = mailray("plan", example, "--runner", "inline", "--json", "--now", now, "--partition-rows", str(rows)).json
    assert other["outbox_digest"] == usual["outbox_digest"]
    assert other["plan"] == usual["plan"]


def test_another_day_is_another_outbox(mailray: Callable[..., Any], example: Path) -> None:
    digests = {
        mailray("plan", example, "--runner", "inline", "--json", "--now", f"2026-03-0{day}T09:00:00+00:00").json[
            "outbox_digest"
        ]
        for day in (1, 2)
    }
    assert len(digests) == 2
