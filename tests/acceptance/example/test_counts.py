"""The example's numbers, by SQL written for this test: what `mailray plan` must agree with."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ruamel.yaml import YAML

# Found once with SQLite and once with DuckDB; they change only when the example's files do.
VERDICTS = {
    "missing_address": 62,
    "invalid_address": 234,
    "duplicate": 120,
    "suppressed": 632,
    "not_subscribed": 2120,
    "reachable": 60832,
}
SEGMENTS = {
    "loyal": 7825,
    "lapsed": 19842,
    "high_value": 8078,
    "phone_shoppers": 35783,
    "rural_members": 7283,
    "points_rich": 6229,
}
LINE = {"end": 1655, "send_menswear": 32714, "send_womenswear": 26463}
TIERS = {"gold": 7674, "silver": 17790, "bronze": 35368}


def test_each_row_has_one_verdict(expected: Any) -> None:
    assert expected.recipients == 64_000
    assert expected.verdicts == VERDICTS
    assert sum(len(keys) for keys in expected.keys_by_verdict.values()) == 64_000
    assert len(frozenset().union(*expected.keys_by_verdict.values())) == 64_000


def test_segments(expected: Any) -> None:
    assert expected.segments == SEGMENTS
    assert all(expected.segments_reachable[name] < SEGMENTS[name] for name in SEGMENTS)


def test_each_reachable_row_takes_one_branch_and_one_tier(expected: Any) -> None:
    assert expected.line_reachable == LINE
    assert expected.tiers_reachable == TIERS
    assert sum(LINE.values()) == sum(TIERS.values()) == expected.reachable


def test_the_sql_counts_what_the_campaign_says(example: Path) -> None:
    """Another condition in campaign.yaml needs another one in expected.sql."""
    campaign = YAML(typ="safe").load((example / "campaign.yaml").read_text(encoding="utf-8"))
    assert campaign["audience"]["where"] == "recency <= 12 AND (mens OR womens)"
    assert campaign["audience"]["duplicates"] == "keep_first"
    assert campaign["segments"] == {
        "loyal": "NOT newbie AND recency <= 6 AND history >= 200",
        "lapsed": "recency >= 9",
        "high_value": "history >= 500",
        "phone_shoppers": "channel IN ('Phone', 'Multichannel')",
        "rural_members": "zip_code = 'Rural' AND loyalty_points IS NOT NULL",
        "points_rich": "loyalty_points >= 1000",
    }
    tier, line = campaign["workflow"][:2]
    assert [(each["when"], each["value"]) for each in tier["choices"]] == [
        ("history >= 500", "gold"),
        ("history >= 200", "silver"),
    ]
    assert tier["else"] == "bronze"
    assert [(each["when"], each["next"]) for each in line["branches"]] == [
        ("tier = 'bronze' AND recency >= 12", "end"),
        ("mens", "send_menswear"),
        ("womens", "send_womenswear"),
    ]
    assert line["else"] == "end"


def test_the_real_columns_are_the_published_ones(example: Path, experiment: list[dict[str, str]]) -> None:
    audience = pq.read_table(example / "audience.parquet")
    assert audience.num_rows == len(experiment) == 64_000
    for name in ("mens", "womens", "newbie", "visit", "conversion"):
        assert audience.column(name).to_pylist() == [record[name] == "1" for record in experiment], name
    for name, as_published in (("recency", int), ("history", float), ("spend", float)):
        assert audience.column(name).to_pylist() == [as_published(record[name]) for record in experiment], name
    for name in ("history_segment", "zip_code", "channel", "segment"):
        assert audience.column(name).to_pylist() == [record[name] for record in experiment], name


def test_the_suppression_list_has_640_addresses_nearly_all_of_customers(example: Path) -> None:
    with (example / "suppression.csv").open(encoding="utf-8", newline="") as file:
        suppressed = {record["email"].lower() for record in csv.DictReader(file)}
    emails = pq.read_table(example / "audience.parquet", columns=["email"]).column("email").to_pylist()
    assert len(suppressed) == 640
    assert len(suppressed & {email.lower() for email in emails if email}) == 632


def test_one_address_in_200_is_broken_and_one_in_500_repeats(expected: Any) -> None:
    broken = expected.verdicts["missing_address"] + expected.verdicts["invalid_address"]
    assert abs(broken - 64_000 / 200) < 60
    assert abs(expected.verdicts["duplicate"] - 64_000 / 500) < 40
