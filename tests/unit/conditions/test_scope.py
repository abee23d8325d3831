"""All conditions of a campaign, each against the columns that it may read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from engine.campaign.load import LoadedCampaign, load_campaign
from engine.conditions import check_campaign, columns_read, workflow_schema
from engine.errors import CampaignError

CAMPAIGN = """\
name: spring
type: welcome_series
class: transactional
audience: {source: a.parquet, key: id, where: age >= 18}
segments:
  loyal: orders > 3
workflow:
  - id: tier
    type: segment_user
    into: tier
    choices:
      - {when: loyal, value: gold}
  - id: split
    type: conditional_branch
    branches:
      - when: >-
          tier = 'gold'
          AND age < 90
        next: hello
    else: end
  - {id: hello, type: send_email, template: hello}
delivery:
  from: {address: news@example.com}
"""
AUDIENCE = pa.schema({"id": pa.int64(), "age": pa.int64(), "orders": pa.int64(), "unread": pa.string()})


def loaded(folder: Path, text: str) -> LoadedCampaign:
    (folder / "campaign.yaml").write_text(text)
    return load_campaign(folder)


def test_conditions_read_columns_segments_and_what_steps_wrote(tmp_path: Path) -> None:
    campaign = loaded(tmp_path, CAMPAIGN)
    check_campaign(campaign, AUDIENCE)
    assert workflow_schema(AUDIENCE, campaign.campaign).names == ["id", "age", "orders", "unread", "loyal", "tier"]
    assert columns_read(campaign.campaign, AUDIENCE) == {"age", "orders"}


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "column"),
    [
        ("where: age >= 18", "where: aeg >= 18", "MR201", 4, 47),
        ("where: age >= 18", "where: loyal", "MR201", 4, 47),
        ("loyal: orders > 3", 'loyal: "orders > 3 AND\\tfoo(age)"', "MR203", 6, 27),
        ("when: loyal", "when: loyl", "MR201", 12, 16),
        ("AND age < 90", "AND agee < 90", "MR201", 18, 15),
        ("AND age < 90", "AND tier < 90", "MR205", 18, 15),
        ("  loyal: orders", "  age: orders > 3\n  loyal: orders", "MR207", 6, 3),
        ("into: tier", "into: orders", "MR207", 10, 11),
        ("into: tier", "into: loyal", "MR207", 10, 11),
    ],
)
def test_a_fault_stands_where_it_is_written(
    tmp_path: Path, old: str, new: str, code: str, line: int, column: int
) -> None:
    with pytest.raises(CampaignError) as caught:
        check_campaign(loaded(tmp_path, CAMPAIGN.replace(old, new)), AUDIENCE)
    fault = caught.value.diagnostics[0]
    place = fault.place
    assert place is not None
    assert (fault.code, place.line, place.column) == (code, line, column)


def test_faults_of_all_conditions_come_together(tmp_path: Path) -> None:
    text = CAMPAIGN.replace("age >= 18", "aeg > 1").replace("orders > 3", "orders").replace("age < 90", "x")
    with pytest.raises(CampaignError) as caught:
        check_campaign(loaded(tmp_path, text), AUDIENCE)
    assert [each.code for each in caught.value.diagnostics] == ["MR201", "MR204", "MR201"]
