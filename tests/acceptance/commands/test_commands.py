"""The verbs on a small campaign: what they print, leave behind, and answer."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Mailray = Callable[..., Any]
VERDICTS = {"missing_address", "invalid_address", "duplicate", "suppressed", "not_subscribed", "held_out", "eligible"}


def test_what_init_makes_is_valid_and_has_a_key_of_its_own(mailray: Mailray, campaign: Path, tmp_path: Path) -> None:
    valid = mailray("validate", campaign, "--json")
    assert (valid.code, valid.json["valid"], valid.json["template_columns"]) == (0, True, ["first_name", "orders"])
    assert mailray("init", tmp_path / "second").code == 0
    keys = {(folder / "secret.key").read_text() for folder in (campaign, tmp_path / "second")}
    assert len(keys) == 2
    assert (campaign / "secret.key").stat().st_mode & 0o077 == 0


def test_init_does_not_touch_a_folder_that_is_in_use(mailray: Mailray, campaign: Path) -> None:
    before = sorted(path.stat().st_mtime_ns for path in campaign.rglob("*"))
    again = mailray("init", campaign)
    assert (again.code, "MR003" in again.err) == (73, True)
    assert sorted(path.stat().st_mtime_ns for path in campaign.rglob("*")) == before


def test_a_plan_leaves_nothing_behind(mailray: Mailray, campaign: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    plan = mailray("plan", campaign, "--runner", "inline", "--json")
    assert plan.code == 0
    assert set(plan.json["plan"]["verdicts"]) == VERDICTS
    assert sum(plan.json["plan"]["verdicts"].values()) == plan.json["plan"]["recipients"] == 40
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_accounts_for_everybody(mailray: Mailray, campaign: Path, tmp_path: Path) -> None:
    run = mailray("run", campaign, "--runner", "inline", "--run-dir", "one", "--json")
    summary = run.json
    assert run.code == 0
    assert summary["outcomes"]["accepted"] == sum(summary["outcomes"].values()) == summary["plan"]["messages"] > 0
    status = mailray("status", "one", "--json").json
    assert (status["phase"], status["outcomes"], status["plan"]) == ("finished", summary["outcomes"], summary["plan"])
    assert "recipients = " in mailray("status", "one").out


def test_the_same_run_is_not_begun_twice_and_resuming_it_sends_nothing(
    mailray: Mailray, campaign: Path, tmp_path: Path
) -> None:
    mails = tmp_path / "mails"
    arguments = ("--runner", "inline", "--transport", f"file://{mails}")
    first = mailray("run", campaign, *arguments, "--run-dir", "one", "--json")
    sent = sorted(path.name for path in mails.rglob("*.eml"))
    assert len(sent) == first.json["plan"]["messages"]
    again = mailray("run", campaign, *arguments, "--run-dir", "one")
    assert (again.code, "MR501" in again.err, "mailray resume" in again.err) == (73, True, True)
    resumed = mailray("resume", "one", "--runner", "inline", "--json")
    assert (resumed.code, resumed.json["outcomes"]) == (0, first.json["outcomes"])
    assert sorted(path.name for path in mails.rglob("*.eml")) == sent


def test_a_limit_skips_the_rest_for_a_reason(mailray: Mailray, campaign: Path) -> None:
    summary = mailray("run", campaign, "--runner", "inline", "--limit", "3", "--run-dir", "one", "--json").json
    assert summary["outcomes"]["accepted"] == 3
    assert summary["outcomes"]["skipped"] == summary["plan"]["messages"] - 3


def test_rehearsed_failures_give_exit_code_1_and_are_counted(mailray: Mailray, campaign: Path) -> None:
    customers = campaign / "customers.csv"
    lines = customers.read_text(encoding="utf-8").splitlines()
    for number, outcome in ((1, "temporary"), (2, "permanent"), (3, "timeout")):
        fields = lines[number].split(",")
        fields[2] = f"{outcome}@example.com"
        lines[number] = ",".join(fields)
    text = (campaign / "campaign.yaml").read_text(encoding="utf-8").replace("percent: 10", "percent: 0")
    (campaign / "campaign.yaml").write_text(text, encoding="utf-8")
    customers.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = mailray("run", campaign, "--runner", "inline", "--run-dir", "one", "--json")
    outcomes = run.json["outcomes"]
    assert run.code == 1
    assert (outcomes["deferred"], outcomes["rejected"], outcomes["unknown"]) == (1, 1, 1)


def test_a_preview_is_the_message_that_a_run_sends(mailray: Mailray, campaign: Path, tmp_path: Path) -> None:
    now = "2026-03-01T09:00:00+00:00"
    previewed = mailray("preview", campaign, "--recipient", "c001", "--no-open", "--now", now, "--json").json
    mailray(
        "run",
        campaign,
        "--runner",
        "inline",
        "--transport",
        f"file://{tmp_path}/mails",
        "--run-dir",
        "one",
        "--now",
        now,
    )
    [message] = previewed["messages"]
    content = (tmp_path / message["file"]).read_bytes()
    assert content in {path.read_bytes() for path in (tmp_path / "mails").rglob("*.eml")}
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert parsed["Subject"] == message["subject"] == "Hiro, thank you for your orders"


def test_somebody_who_is_not_eligible_can_be_previewed(mailray: Mailray, campaign: Path) -> None:
    suppressed = mailray("preview", campaign, "--recipient", "c009", "--no-open", "--json").json
    assert (suppressed["verdict"], len(suppressed["messages"])) == ("suppressed", 1)
    nobody = mailray("preview", campaign, "--recipient", "c999", "--no-open")
    assert (nobody.code, "MR359" in nobody.err) == (66, True)


def test_the_schema_describes_the_file(mailray: Mailray) -> None:
    schema = mailray("schema", "--json").json
    assert {"name", "audience", "workflow", "delivery"} <= set(schema["required"])


def test_doctor_says_what_is_wrong(mailray: Mailray, campaign: Path) -> None:
    fit = mailray("doctor", campaign, "--json")
    assert (fit.code, all(each["ok"] for each in fit.json["findings"])) == (0, True)
    (campaign / "secret.key").unlink()
    unfit = mailray("doctor", campaign, "--json")
    assert unfit.code == 1
    assert [each["name"] for each in unfit.json["findings"] if not each["ok"]] == ["secret"]


def test_doctor_looks_at_the_rest_when_the_audience_s_database_is_away(mailray: Mailray, campaign: Path) -> None:
    file = campaign / "campaign.yaml"
    away = "source: postgresql://nobody@127.0.0.1:1/people\n  query: SELECT * FROM people"
    file.write_text(file.read_text().replace("source: customers.csv", away))
    looked = mailray("doctor", campaign, "--json")
    assert looked.code == 1
    assert [each["name"] for each in looked.json["findings"] if not each["ok"]] == ["audience"]
    assert {"ray", "run folder", "ledger"} <= {each["name"] for each in looked.json["findings"]}


def test_settings_come_from_flag_then_environment_then_file(mailray: Mailray, campaign: Path, tmp_path: Path) -> None:
    (tmp_path / "mailray.toml").write_text(f'runner = "inline"\ntransport = "file://{tmp_path}/from-file"\n')
    mailray("run", campaign, "--run-dir", "one", "--limit", "1")
    mailray(
        "run",
        campaign,
        "--run-dir",
        "two",
        "--limit",
        "1",
        env={"MAILRAY_TRANSPORT": f"file://{tmp_path}/from-environment"},
    )
    flags = ("--transport", f"file://{tmp_path}/from-flag")
    mailray("run", campaign, "--run-dir", "three", "--limit", "1", *flags, env={"MAILRAY_TRANSPORT": "rehearsal:"})
    assert {path.name for path in tmp_path.glob("from-*")} == {"from-file", "from-environment", "from-flag"}
    wrong = mailray("run", campaign, "--run-dir", "four", env={"MAILRAY_RUNNER": "steam"})
    assert (wrong.code, "MR002" in wrong.err) == (2, True)


def test_no_secret_and_no_address_is_on_record_or_in_what_is_printed(
    mailray: Mailray, campaign: Path, tmp_path: Path
) -> None:
    run = mailray("run", campaign, "--runner", "inline", "--run-dir", "one")
    secret = (campaign / "secret.key").read_text().strip()
    kept = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "one").glob("*.json*"))
    ledger = b"".join(path.read_bytes() for path in (tmp_path / "one" / "ledger").iterdir())
    for text in (run.out, run.err, kept, ledger.decode("latin-1")):
        assert secret not in text
        assert "@example.com" not in text.replace("news@example.com", "")


@pytest.mark.parametrize("verb", ["validate", "plan", "run"])
def test_errors_are_json_too(mailray: Mailray, tmp_path: Path, verb: str) -> None:
    failed = mailray(verb, tmp_path / "nothing", "--json")
    assert failed.code == failed.json["exit_code"] == 66
    assert [each["code"] for each in failed.json["errors"]] == ["MR100"]
    assert "Traceback" not in failed.err
    assert json.loads(failed.out)["errors"][0]["help"]


def test_a_cluster_that_is_not_there_is_told_before_anything_is_made(
    mailray: Mailray, campaign: Path, tmp_path: Path
) -> None:
    lost = mailray("run", campaign, "--address", "127.0.0.1:1", "--run-dir", "one")
    assert (lost.code, "MR801" in lost.err, "reading the audience" in lost.err) == (69, True, False)
    assert not (tmp_path / "one").exists()
