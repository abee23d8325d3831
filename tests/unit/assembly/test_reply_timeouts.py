"""A wait for replies that makes doubts is told, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.assembly.reply_timeouts import short_reply_timeout
from engine.campaign.load import LoadedCampaign, check_document
from engine.campaign.parse import parse_document

CAMPAIGN = """\
name: spring
type: welcome_series
class: transactional
audience: {source: people.csv, key: id}
workflow: [{id: greet, type: send_email, template: hello}]
delivery:
  from: {address: news@example.com}
  transport: "rehearsal:"
"""


@pytest.mark.parametrize(
    ("written", "line"), [("", None), ("  reply_timeout: 120\n", None), ("  reply_timeout: 30\n", 9)]
)
def test_a_short_wait_for_replies_is_told(written: str, line: int | None) -> None:
    document = parse_document(CAMPAIGN + written, "campaign.yaml")
    found = list(short_reply_timeout(LoadedCampaign(Path(), check_document(document), document)))
    told = [(each.code, each.place.line if each.place else None) for each in found]
    assert told == ([] if line is None else [("MR157", line)])
