"""Times that clocks skip are told before the day comes, with what the engine does then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.assembly.clock_changes import skipped_times
from engine.campaign.load import LoadedCampaign, check_document
from engine.campaign.parse import parse_document
from engine.workflow.triggers import cron_instants

NOW = datetime(2026, 1, 15, 10, 7, 31, tzinfo=UTC)


CAMPAIGN = """\
name: spring
type: welcome_series
class: transactional
timezone: Europe/Berlin
audience: {source: "store:", key: user_id}
trigger: TRIGGER
workflow:
  - id: pause
    type: wait_condition
    WAIT
delivery: {transport: "rehearsal:", from: {address: news@example.com}}
"""


def loaded(trigger: str, wait: str) -> LoadedCampaign:
    text = CAMPAIGN.replace("TRIGGER", trigger).replace("WAIT", wait)
    document = parse_document(text, "campaign.yaml")
    return LoadedCampaign(Path(), check_document(document), document)


@pytest.mark.parametrize(
    ("trigger", "wait", "told"),
    [
        ("{api: true}", "until: '02:30'", ["02:30 does not exist on 2026-03-29: clocks in Europe/Berlin; 03:30"]),
        ("{api: true}", "until: '03:00'", []),
        ("{api: true}", "until: '01:59'", []),
        ("{api: true}", "until: '02:30'\n    timezone: Asia/Tokyo", []),
        ("{api: true}", "until: '2026-03-29T02:30:00Z'", []),
        ("{cron: 15 2 * * *}", "for: 1 day", ["02:15 does not exist on 2026-03-29: clocks in Europe/Berlin; 03:00"]),
        ("{cron: 15 2 * * MON}", "for: 1 day", []),
        ("{cron: '*/15 * * * *'}", "for: 1 day", []),
        (
            "{cron: 0 2 8 3 *, timezone: America/New_York}",
            "for: 1 day",
            ["02:00 does not exist on 2026-03-08: clocks in America/New_York; 03:00"],
        ),
        ("{cron: 10 2 * 10 *, timezone: Australia/Lord_Howe}", "for: 1 day", ["02:10 does not exist on 2026-10-04; 02:30"]),
        ("{anniversary: born, at: '02:00'}", "for: 1 day", ["02:00 does not exist on 2026-03-29: clocks in Europe/Berlin; 03:00"]),
    ],
)  # fmt: skip
def test_a_time_that_clocks_skip_is_told(trigger: str, wait: str, told: list[str]) -> None:
    found = list(skipped_times(loaded(trigger, wait), NOW))
    assert [each.code for each in found] == ["MR145"] * len(told)
    for each, wanted in zip(found, told, strict=True):
        message, then = wanted.split("; ")
        assert each.message.startswith(message)
        assert then in (each.help or "")


def test_a_cron_expression_is_taken_when_it_is_told_to_be() -> None:
    campaign = loaded("{cron: 15 2 * * *}", "for: 1 day").campaign
    day = datetime(2026, 3, 29, tzinfo=UTC)
    bounds = [int(each.timestamp()) * 1_000_000 for each in (day, day + timedelta(hours=12))]
    (instant,) = cron_instants(campaign, *bounds)
    assert datetime.fromtimestamp(instant / 1e6, UTC) == datetime(2026, 3, 29, 1, tzinfo=UTC)  # 03:00 in Berlin
