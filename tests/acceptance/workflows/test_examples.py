"""The six workflows of the tea shop, as their page says that they run."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.campaign.load import load_campaign
from engine.campaign.schema import CampaignType
from examples.shop import write
from jobs.cli import run_guarded

EXAMPLES = Path(__file__).parents[3] / "examples" / "workflows"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/campaign.yaml"))
START = datetime(2026, 3, 2, tzinfo=UTC)


def test_there_is_one_of_each_type() -> None:
    types = Counter(load_campaign(folder).campaign.type for folder in FOLDERS)
    assert types == Counter(CampaignType)


def test_people_and_what_they_do_are_those_that_the_program_makes(tmp_path: Path) -> None:
    people, events = write(tmp_path, 400, START, 90)
    assert people.read_bytes() == (EXAMPLES / people.name).read_bytes()
    assert gzip.decompress(events.read_bytes()) == gzip.decompress((EXAMPLES / events.name).read_bytes())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_is_valid(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(["validate", str(folder), "--json"], debug=True) == 0
    assert json.loads(capsys.readouterr().out)["valid"]


def test_all_of_them_run_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people, events = write(tmp_path, 60, START, 45)
    out = tmp_path / "simulated"
    files = ["--people", str(people), "--events", str(events), "--out", str(out), "--json"]
    days = ["--days", "45", "--start", START.isoformat()]
    assert run_guarded(["simulate", *map(str, FOLDERS), *days, *files], debug=True) == 0
    json.loads(capsys.readouterr().out)
    messages = pq.read_table(out / "messages.parquet").to_pylist()
    sent = Counter(row["workflow"] for row in messages if row["verdict"] == "sent")
    assert set(sent) >= {folder.name for folder in FOLDERS} - {
        "lifecycle_campaign"
    }  # few have an anniversary in 45 days
    people_of = {name: {row["person"] for row in messages if row["workflow"] == name} for name in sent}
    assert (
        people_of["nurture_sequence"] <= people_of["welcome_series"]
    )  # whose end gives a trial, which begins the other
    assert (out / "simulation.html").stat().st_size > 10_000
