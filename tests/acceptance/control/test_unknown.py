"""What is in doubt is listed, and settled by people."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.feedback.event_log import SqliteEventLog
from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.pipeline.definition import TENANT

Mailray = Callable[..., Any]
DOUBTFUL = 3


@pytest.fixture
def run(mailray: Mailray, campaign: Path) -> str:
    """A run with three messages to which the server never replied."""
    customers = campaign / "customers.csv"
    lines = customers.read_text(encoding="utf-8").splitlines()
    for number in range(1, DOUBTFUL + 1):
        fields = lines[number].split(",")
        fields[2] = f"timeout{number}@example.com"
        lines[number] = ",".join(fields)
    customers.write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = (campaign / "campaign.yaml").read_text(encoding="utf-8").replace("percent: 10", "percent: 0")
    (campaign / "campaign.yaml").write_text(text, encoding="utf-8")
    assert mailray("run", campaign, "--runner", "inline", "--run-dir", "one").code == 1
    return "one"


def outcomes(mailray: Mailray, run: str) -> dict[str, int]:
    found = mailray("status", run, "--json").json["outcomes"]
    return {name: count for name, count in found.items() if name in ("unknown", "planned", "skipped", "accepted")}


def test_each_doubt_is_one_line_without_an_address(mailray: Mailray, run: str) -> None:
    listed = mailray("unknown", run)
    lines = [line.split() for line in listed.out.splitlines()]
    assert (listed.code, len(lines)) == (0, DOUBTFUL)
    assert all(len(bytes.fromhex(key)) == 16 for key, *_ in lines)
    assert {(attempt, cause) for _, _, attempt, _, cause in lines} == {("1", "no_reply")}
    assert "@" not in listed.out
    assert mailray("unknown", run, "--addresses").out.count("@example.com") == DOUBTFUL
    as_json = mailray("unknown", run, "--json").json["unknown"]
    assert [each["key"] for each in as_json] == [key for key, *_ in lines]
    assert "address" not in as_json[0]


@pytest.mark.parametrize(
    "arguments", [("--all",), ("--sent", "--skip", "--all"), ("--sent",), ("--sent", "--all", "00")]
)
def test_a_decision_is_said_in_full(mailray: Mailray, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refused = mailray("resolve", tmp_path, *arguments)
    assert (refused.code, "MR004" in refused.err) == (2, True)


def test_doubts_are_settled_one_by_one_or_all(mailray: Mailray, run: str) -> None:
    first, second, _ = [each["key"] for each in mailray("unknown", run, "--json").json["unknown"]]
    before = outcomes(mailray, run)
    refused = mailray("resolve", run, "--skip", first, second, "ff" * 16)
    assert (refused.code, "ff" * 16 in refused.err) == (65, True)
    assert outcomes(mailray, run) == before
    assert mailray("resolve", run, "--sent", first).code == 0
    assert outcomes(mailray, run) == {**before, "unknown": 2, "accepted": before["accepted"] + 1}
    assert mailray("resolve", run, "--skip", "--all", "--json").json["resolved"] == 2
    assert outcomes(mailray, run) == {
        "unknown": 0, "planned": 0, "skipped": before["skipped"] + 2, "accepted": before["accepted"] + 1
    }  # fmt: skip
    assert mailray("unknown", run).out == ""
    again = mailray("resolve", run, "--sent", first)
    assert (again.code, "MR611" in again.err) == (65, True)


def test_what_is_to_be_sent_again_goes_with_the_next_resume(mailray: Mailray, run: str, tmp_path: Path) -> None:
    before = outcomes(mailray, run)
    assert mailray("resolve", run, "--resend", "--all").code == 0
    assert outcomes(mailray, run)["planned"] == DOUBTFUL
    closed = tmp_path / run / "ledger" / "part-00000.parquet"
    assert not closed.exists()  # the partition is open again
    mails = tmp_path / "mails"
    resumed = mailray("resume", run, "--runner", "inline", "--transport", f"file://{mails}", "--json")
    assert (resumed.code, len(list(mails.rglob("*.eml")))) == (0, DOUBTFUL)
    assert resumed.json["outcomes"]["accepted"] == before["accepted"] + DOUBTFUL
    assert closed.exists()


def test_what_can_be_found_out_is_settled_by_evidence(mailray: Mailray, run: str, tmp_path: Path) -> None:
    opened, filed, silent = [each["key"] for each in mailray("unknown", run, "--json").json["unknown"]]
    event = FeedbackEvent("serve:1", Kind.OPEN, 1_800_000_000_000_000, "open", bytes.fromhex(opened))
    with closing(SqliteEventLog(tmp_path / ".mailray" / "feedback.sqlite", TENANT)) as log:
        log.append([event])
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails" / f"{filed}.eml").touch()
    shown = {each["key"]: each["evidence"] for each in mailray("unknown", run, "--json").json["unknown"]}
    assert shown == {opened: "open: open", filed: "", silent: ""}
    before = outcomes(mailray, run)
    found = mailray("resolve", run, "--reconcile", "--transport", f"file://{tmp_path}/mails", "--json").json
    assert (found["resolved_sent"], found["unknown"], found["warnings"]) == (2, 1, [])
    assert outcomes(mailray, run) == {**before, "unknown": 1, "accepted": before["accepted"] + 2}
    again = mailray("resolve", run, "--reconcile", "--json").json
    assert (again["resolved_sent"], again["unknown"]) == (0, 1)  # a campaign that does not reconcile waits for ever
    assert [each["key"] for each in mailray("unknown", run, "--json").json["unknown"]] == [silent]


def test_what_is_found_out_is_not_also_decided(mailray: Mailray, tmp_path: Path) -> None:
    refused = mailray("resolve", tmp_path, "--reconcile", "--skip")
    assert (refused.code, "MR004" in refused.err) == (2, True)
