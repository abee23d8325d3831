"""What a user gets wrong is told in one line, with code, place, help and exit code; nothing is sent and nothing half written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@dataclass(frozen=True)
class Case:
    """A change to a good campaign, and what must be said of it."""

    change: Callable[[Path], None]
    code: str
    exit_code: int
    place: str | None = None
    help: str | None = None


def replaced(old: str, new: str, file: str = "campaign.yaml") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


def customers(content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "customers.csv").write_bytes(content)

    return change


def parquet(table: pa.Table | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        replaced("source: customers.csv", "source: customers.parquet")(folder)
        path = folder / "customers.parquet"
        if table is None:
            pq.write_table(pa.table({"customer_id": range(5_000)}), path)
            path.write_bytes(path.read_bytes()[:-20])
        else:
            pq.write_table(table, path)

    return change


PEOPLE = {"customer_id": ["a", "b"], "first_name": ["A", "B"], "subscribed": [True, True], "orders": [0, 1]}
CASES = {
    "yaml-broken": Case(replaced("audience:\n", "audience: [\n"), "MR103", 78, "campaign.yaml:"),
    "duplicate-key": Case(
        replaced("type: welcome_series", "type: welcome_series\ntype: nurture_sequence"),
        "MR104",
        78,
        "campaign.yaml:5:1",
    ),
    "unknown-key": Case(
        replaced("timezone: UTC", "timezon: UTC"), "MR111", 78, "campaign.yaml:6:1", "did you mean `timezone`?"
    ),
    "unknown-step": Case(
        replaced("type: send_email", "type: send_mail"), "MR112", 78, "campaign.yaml:", "did you mean `send_email`?"
    ),
    "cycle": Case(replaced("    next: end", "    next: line"), "MR122", 78, "campaign.yaml:"),
    "dangling-target": Case(
        replaced("else: greet", "else: great"), "MR121", 78, "campaign.yaml:", "did you mean `greet`?"
    ),
    "wait-in-a-run": Case(
        replaced("workflow:\n", "workflow:\n  - {id: pause, type: wait_condition, for: 1 day}\n"), "MR124", 78
    ),
    "unknown-timezone": Case(
        replaced("timezone: UTC", "timezone: Europe/Berln"),
        "MR130",
        78,
        "campaign.yaml:6:",
        "did you mean `Europe/Berlin`?",
    ),
    "template-syntax": Case(
        replaced("{% if first_name %}, {{", "{% if first_name %}, {{ (", "templates/hello.html.j2"),
        "MR231",
        65,
        "hello.html.j2:",
    ),
    "unknown-variable": Case(
        replaced("{{ brand }}", "{{ brnad }}", "templates/hello.html.j2"),
        "MR311",
        78,
        "hello.html.j2:7:",
        "did you mean `brand`?",
    ),
    "template-missing": Case(lambda folder: (folder / "templates/thanks.html.j2").unlink(), "MR", 66),
    "unknown-column": Case(
        replaced("buyers: orders > 0", "buyers: oders > 0"), "MR20", 78, "campaign.yaml:", "did you mean `orders`?"
    ),
    "statement": Case(
        replaced("buyers: orders > 0", "buyers: orders > 0; DROP TABLE users"), "MR20", 78, "campaign.yaml:"
    ),
    "missing-column": Case(
        replaced("key: customer_id", "key: costumer_id"), "MR351", 65, None, "did you mean `customer_id`?"
    ),
    "wrong-type": Case(parquet(pa.table({**PEOPLE, "email": [1, 2]})), "MR352", 65),
    "no-key": Case(
        parquet(pa.table({**PEOPLE, "customer_id": ["a", None], "email": ["a@example.com", "b@example.com"]})),
        "MR354",
        65,
    ),
    "corrupt-parquet": Case(parquet(None), "MR364", 65),
    "not-utf-8": Case(
        customers(b"customer_id,first_name,email,subscribed,orders\nc1,\xff\xfe,a@example.com,true,1\n"), "MR364", 65
    ),
    "empty-audience": Case(customers(b"customer_id,first_name,email,subscribed,orders\n"), "MR3", 66),
    "no-audience": Case(lambda folder: (folder / "customers.csv").unlink(), "MR360", 66, None),
    "nobody-selected": Case(replaced("  suppression:", "  where: orders > 1000\n  suppression:"), "MR355", 66),
    "duplicate-recipients": Case(
        both(replaced("  holdout:", "  duplicates: error\n  holdout:"), replaced("c002,", "c001,", "customers.csv")),
        "MR356",
        65,
    ),
    "no-suppression-list": Case(lambda folder: (folder / "suppressed.csv").unlink(), "MR360", 66),
    "no-secret": Case(lambda folder: (folder / "secret.key").unlink(), "MR161", 78),
    "inline-secret": Case(replaced("secret: file:secret.key", "secret: hunter2"), "MR15", 78, "campaign.yaml:"),
    "no-unsubscribe": Case(
        replaced("  unsubscribe:\n    url: https://example.com/u/\n", ""), "MR15", 78, "campaign.yaml:"
    ),
    "unknown-transport": Case(
        replaced('"rehearsal:"', '"rehersal:"'), "MR15", 78, "campaign.yaml:", "did you mean `rehearsal`?"
    ),
    "negative-rate": Case(
        replaced("delivery:", "limits:\n  messages_per_second: -5\ndelivery:"), "MR115", 78, "campaign.yaml:"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_told_and_nothing_is_sent(
    mailray: Callable[..., Any], campaign: Path, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    case.change(campaign)
    failed = mailray(
        "run", campaign, "--runner", "inline", "--transport", f"file://{tmp_path}/mails", "--run-dir", "one"
    )
    if name == "unknown-transport":
        failed = mailray("run", campaign, "--runner", "inline", "--run-dir", "one")
    assert failed.code == case.exit_code, failed.err
    first = failed.err.splitlines()[
        next(n for n, line in enumerate(failed.err.splitlines()) if line.startswith("error["))
    ]
    assert first.startswith(f"error[{case.code}"), failed.err
    if case.place is not None:
        assert f"--> {case.place}" in failed.err or f"/{case.place}" in failed.err, failed.err
        assert " | " in failed.err or name == "inline-secret"  # a line that holds a secret is not shown
    if case.help is not None:
        assert f"help: {case.help}" in failed.err
    assert "Traceback" not in failed.err
    assert not list((tmp_path / "mails").rglob("*.eml"))
    assert not list((tmp_path / "one").rglob("*.sqlite"))


def test_all_faults_of_a_file_are_told_at_once(mailray: Callable[..., Any], campaign: Path) -> None:
    for change in (
        replaced("timezone: UTC", "timezone: Mars/Base"),
        replaced("else: greet", "else: nowhere"),
        replaced("percent: 10", "percent: 101"),
    ):
        change(campaign)
    errors = mailray("validate", campaign, "--json").json["errors"]
    assert {each["code"] for each in errors} == {"MR130", "MR121", "MR115"}
    assert all(each["line"] and each["column"] for each in errors)


def test_a_run_folder_with_a_file_in_the_way(mailray: Callable[..., Any], campaign: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in ("file", "file/one"):
        failed = mailray("run", campaign, "--runner", "inline", "--run-dir", path)
        assert (failed.code, "error[MR50" in failed.err) == (73, True), failed.err
    assert (tmp_path / "file").read_text() == "in the way"


def test_an_instant_without_a_zone_is_no_instant(mailray: Callable[..., Any], campaign: Path) -> None:
    failed = mailray("plan", campaign, "--runner", "inline", "--now", "2026-03-01T09:00:00")
    assert (failed.code, "MR001" in failed.err) == (2, True)


def test_a_relay_that_does_not_answer(mailray: Callable[..., Any], campaign: Path) -> None:
    failed = mailray("run", campaign, "--runner", "inline", "--transport", "smtp://127.0.0.1:9", "--run-dir", "one")
    assert (failed.code, "MR701" in failed.err) == (69, True), failed.err
    assert mailray("status", "one", "--json").json["outcomes"]["accepted"] == 0
    finished = mailray("resume", "one", "--runner", "inline", "--transport", "rehearsal:", "--json")
    assert finished.json["outcomes"]["accepted"] == finished.json["plan"]["messages"]


def test_what_is_no_run_is_not_resumed(mailray: Callable[..., Any], tmp_path: Path) -> None:
    for verb in ("resume", "status", "report"):
        failed = mailray(verb, tmp_path / "nothing")
        assert (failed.code, "MR503" in failed.err) == (66, True), failed.err
