"""A campaign as a Ray job, on a real head node, and what a client without the right address or token is told."""

import email
import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.assembly.control import doubts
from jobs.cli import run_guarded

ROOT = Path(__file__).parents[3]
CAMPAIGN = "examples/spring_menswear"


def submit(head, *arguments: str) -> subprocess.CompletedProcess[str]:
    job = ("job", "submit", "--address", head.dashboard, "--working-dir", ".")
    return head.ray(*job, "--", "python", "-m", "jobs.run_campaign", *arguments)


def test_a_job_runs_the_campaign_on_its_cluster(head, tmp_path: Path) -> None:
    run = tmp_path / "run"
    job = submit(head, CAMPAIGN, "--run-dir", str(run), "--limit", "200", "--partition-rows", "32768")
    assert job.returncode == 0, job.stdout + job.stderr
    summary = json.loads((run / "summary.json").read_text())
    assert summary["outcomes"]["accepted"] == 200
    assert sum(summary["outcomes"].values()) == summary["plan"]["messages"]
    assert "succeeded" in job.stdout
    named = head.python("-c", NAMED_ACTORS, head.address)
    assert named.stdout.split() in (["mailray-controller"], []), (
        named.stderr
    )  # it ends itself, half a minute after the last run


PEOPLE = 60
WORKFLOW = """
name: cart
type: abandoned_cart
priority: critical
audience: {source: "store:", key: user_id}
events: {left: {}}
trigger: {event: left}
limits: {messages_per_second: 15}
workflow: [{id: offer, type: send_email, template: offer}]
delivery:
  from: {address: news@example.com}
  unsubscribe: {url: https://example.com/u/}
  postal_address: Example, 1 Street, Town
  secret: file:secret.key
"""


@pytest.fixture
def cart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A live workflow, people, and what happened to them; the settings for the job that goes on with it."""
    (tmp_path / "cart" / "templates").mkdir(parents=True)
    (tmp_path / "cart" / "campaign.yaml").write_text(WORKFLOW)
    (tmp_path / "cart" / "secret.key").write_text("not-a-secret-not-a-secret-not-a-secret")
    for name, text in (("offer.subject.j2", "an offer"), ("offer.html.j2", "<p>an offer</p>")):
        (tmp_path / "cart" / "templates" / name).write_text(text)
    settings = {
        **{"MAILRAY_RUNS": str(tmp_path / "runs"), "MAILRAY_STORES": str(tmp_path / "stores")},
        "MAILRAY_TRANSPORT": f"file://{tmp_path}/mails",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    known = [{"user_id": f"p{number:02}", "email": f"p{number:02}@example.com"} for number in range(PEOPLE)]
    now = datetime.now(UTC).isoformat()
    told = [
        {"event_id": row["user_id"], "user_id": row["user_id"], "event_type": "left", "event_time": now}
        for row in known
    ]
    for name, rows in (("people", known), ("events", told)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run_guarded(["ingest", "customers", str(tmp_path / "people.jsonl")], debug=True) == 0
    assert run_guarded(["automate", str(tmp_path / "cart"), "--drain", "--runner", "inline"], debug=True) == 0
    assert run_guarded(["ingest", "events", str(tmp_path / "events.jsonl")], debug=True) == 0
    return settings


def test_a_job_automates_and_goes_on_when_a_worker_is_killed(head, tmp_path: Path, cart: dict[str, str]) -> None:
    command = ["job", "submit", "--address", head.dashboard, "--working-dir", "."]
    command += ["--runtime-env-json", json.dumps({"env_vars": cart}), "--", "python", "-m", "jobs.run_automation"]
    with ThreadPoolExecutor() as beside:
        job = beside.submit(head.ray, *command, str(tmp_path / "cart"), "--drain", "--json")
        while not job.done() and len(mailed(tmp_path)) < 10:
            time.sleep(0.02)
        victims = head.processes("ray::AutomationActor")
        for victim in victims:
            victim.kill()
        out = job.result()
    assert len(victims) == 1, out.stdout + out.stderr
    (run,) = (tmp_path / "runs").iterdir()
    unknown = Counter(each.address for each in doubts(run))
    assert out.returncode == (1 if unknown else 0), out.stdout + out.stderr
    assert "MR885" in out.stdout
    arrived = mailed(tmp_path)
    assert set(arrived.values()) == {1}
    assert {f"p{number:02}@example.com" for number in range(PEOPLE)} - set(arrived) <= set(unknown)


def mailed(folder: Path) -> Counter[str]:
    """Who has been written to, and how often."""
    parse = email.message_from_bytes
    return Counter(parse(path.read_bytes())["To"] for path in (folder / "mails").rglob("*.eml"))


NAMED_ACTORS = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
print(*(each["name"] for each in ray.util.list_named_actors(all_namespaces=True)))
"""


def test_a_run_folder_that_would_go_with_the_job_is_refused(head) -> None:
    job = submit(head, CAMPAIGN, "--run-dir", "runs/lost", "--limit", "10")
    assert job.returncode != 0
    assert "error[MR806]" in job.stdout


def test_a_campaign_that_is_wrong_fails_the_job_in_its_own_words(head, tmp_path: Path) -> None:
    job = submit(head, "examples/nowhere", "--run-dir", str(tmp_path / "run"))
    assert job.returncode != 0
    assert "error[MR" in job.stdout
    assert "Traceback" not in job.stdout


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"RAY_AUTH_MODE": "disabled"}, "asks for a token and RAY_AUTH_MODE is not `token`"),
        ({"RAY_AUTH_TOKEN_PATH": "", "RAY_AUTH_TOKEN": secrets.token_hex(32)}, "does not take this process's token"),
    ],
)
def test_a_client_without_the_token_is_told_so(head, tmp_path: Path, variables: dict[str, str], words: str) -> None:
    plan = head.python(
        "-m", "jobs.cli", "plan", CAMPAIGN, "--run-dir", str(tmp_path / "r"), "--address", head.address, **variables
    )
    assert plan.returncode == 69
    assert f"error[MR804]: the Ray cluster at {head.address} refuses us" in plan.stderr
    assert words in plan.stderr


def test_addresses_that_are_not_a_cluster_are_refused(head, tmp_path: Path) -> None:
    jobs = head.python(
        "-m", "jobs.cli", "plan", CAMPAIGN, "--run-dir", str(tmp_path / "a"), "--address", head.dashboard
    )
    assert jobs.returncode == 2
    assert "error[MR805]" in jobs.stderr
    nobody = head.python(
        "-m", "jobs.cli", "plan", CAMPAIGN, "--run-dir", str(tmp_path / "b"), "--address", "127.0.0.1:9"
    )
    assert nobody.returncode == 69
    assert "error[MR801]: no Ray cluster answers at 127.0.0.1:9" in nobody.stderr


def test_without_a_cluster_a_local_ray_is_started(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-m", "jobs.run_campaign", CAMPAIGN, "--run-dir", str(tmp_path / "run"), "--limit", "50"]
    ran = subprocess.run(
        [*command, "--json"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outcomes"]["accepted"] == 50
