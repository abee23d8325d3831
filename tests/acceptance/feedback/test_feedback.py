"""`mailray serve` and `mailray ingest` over a real run: what recipients and their mail systems send back is honoured."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "tests" / "corpus" / "bounces"
Serve = Callable[..., str]


@pytest.fixture
def serve(environment: dict[str, str], tmp_path: Path) -> Iterator[Serve]:
    """Start the verb on a free port; it is interrupted at the end, which it must take well."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, env: dict[str, str] | None = None) -> str:
        command = [sys.executable, "-m", "jobs.cli", "serve", "--port", "0", "--json", *arguments]
        environ = {**environment, "PYTHONPATH": str(ROOT), **(env or {})}
        process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        lines = ""
        while not lines.endswith("}\n"):
            lines += process.stdout.readline()
        return str(json.loads(lines)["url"])

    yield start
    for process in started:
        with process:
            process.send_signal(signal.SIGINT)
    assert [process.returncode for process in started] == [0] * len(started)


@pytest.fixture
def messages(mailray: Any, campaign: Path, tmp_path: Path) -> dict[str, bytes]:
    """The messages of a run, by recipient."""
    done = mailray(
        "run", campaign, "--runner", "inline", "--transport", f"file://{tmp_path}/out", "--run-dir", "runs/first"
    )
    assert done.code == 0
    found = {}
    for path in (tmp_path / "out").rglob("*.eml"):
        raw = path.read_bytes()
        to = re.search(rb"^To: (\S+)", raw, re.MULTILINE)
        assert to
        found[to[1].decode()] = raw
    return found


def unsubscribe_path(raw: bytes) -> str:
    found = re.search(rb"List-Unsubscribe: <https://example.com(/u/[a-z2-7]{48})>", raw)
    assert found
    return found[1].decode()


def suppressed(mailray: Any) -> dict[str, str]:
    return {each["address"]: each["reason"] for each in mailray("suppress", "list", "--json").json["entries"]}


def test_who_unsubscribes_gets_no_more_mail(
    mailray: Any, serve: Serve, messages: dict[str, bytes], campaign: Path, tmp_path: Path
) -> None:
    url = serve()
    (first, first_raw), (second, second_raw) = list(messages.items())[:2]
    with httpx.Client(base_url=url) as client:
        assert client.get(unsubscribe_path(second_raw)).status_code == 200
        reply = client.post(unsubscribe_path(first_raw), content="List-Unsubscribe=One-Click")
        assert (reply.status_code, reply.history) == (200, [])
        assert client.post("/u/" + "a" * 48).status_code == 404
    assert suppressed(mailray) == {first: "unsubscribed"}

    again = (
        "--runner",
        "inline",
        "--transport",
        f"file://{tmp_path}/again",
        "--run-dir",
        "runs/second",
        "--now",
        "2030-01-01T00:00:00Z",
    )
    assert mailray("run", campaign, *again).code == 0
    mailed = b"".join(path.read_bytes() for path in (tmp_path / "again").rglob("*.eml"))
    assert second.encode() in mailed
    assert first.encode() not in mailed


def test_bounces_from_a_maildir(mailray: Any, messages: dict[str, bytes], tmp_path: Path) -> None:
    box = tmp_path / "bounces"
    for part in ("new", "cur", "tmp"):
        (box / part).mkdir(parents=True)
    for path in CORPUS.glob("*.eml"):
        shutil.copy(path, box / "new" / path.stem)
    recipient, raw = next(iter(messages.items()))
    report = (CORPUS / "postfix-user-unknown.eml").read_text().replace("noor.19@example.com", recipient)
    token = unsubscribe_path(raw).removeprefix("/u/")
    report = report.replace("xrol6lvsgvpusndby3govl6m5qfbeuwytmnfkrgq4acr56cj", token).replace(
        "postfix-user-unknown", "ours"
    )
    (box / "new" / "ours").write_text(report)

    looked = mailray("ingest", "bounces", box, "--dry-run", "--json").json
    assert {each["mail"] for each in looked["read"] if each["ours"]} == {"new/ours"}
    assert suppressed(mailray) == {}

    only = mailray("ingest", "bounces", box, "--only-ours", "--json").json
    assert (only["ours"], only["new"]) == (1, 1)
    assert suppressed(mailray) == {recipient: "bounced"}

    everything = mailray("ingest", "bounces", box, "--json").json
    labels = json.loads((CORPUS / "labels.json").read_text())
    found = [each for label in labels.values() for each in label["findings"]]
    expected = {each["address"] for each in found if each["kind"] == "hard"} - {"new.name@example.com"} | {
        "old.name@example.org"
    }
    expected |= {each["address"] for each in found if each["kind"] in ("complaint", "unsubscribe")} | {recipient}
    assert set(suppressed(mailray)) == {each.lower() for each in expected}
    assert everything["kinds"]["hard"] == sum(each["kind"] == "hard" for each in found)
    left = {path.name for path in (box / "new").iterdir()}
    assert left == {name for name, label in labels.items() if not label["findings"]}  # for a person to see
    assert mailray("ingest", "bounces", box, "--json").json["new"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["serve", "--hook", "mailgun=env:X"], "MR771", 2),
        (["serve", "--hook", "ses=nothing"], "MR771", 2),
        (["serve", "--hook", "resend=env:NOT_SET"], "MR161", 78),
        (["serve", "--former-secret", "env:NOT_SET"], "MR161", 78),
        (["ingest", "bounces", "nowhere"], "MR773", 66),
        (["ingest", "bounces", "imaps://nobody/"], "MR772", 2),
        (["ingest", "bounces", "imaps://me@127.0.0.1:9/INBOX", "--password", "env:NOT_SET"], "MR774", 69),
    ],
)
def test_faults(mailray: Any, arguments: list[str], code: str, exit_code: int) -> None:
    done = mailray(*arguments)
    assert (done.code, f"error[{code}]" in done.err) == (exit_code, True)


def test_a_port_that_is_taken(mailray: Any, serve: Serve) -> None:
    port = serve().rpartition(":")[2]
    done = mailray("serve", "--port", port)
    assert (done.code, "MR776" in done.err) == (73, True)


def test_secrets_and_addresses_stay_out_of_what_is_printed(
    mailray: Any, serve: Serve, messages: dict[str, bytes]
) -> None:
    url = serve("--hook", "postmark=env:HOOK", env={"HOOK": "hook:canary-password"})
    body = {
        "RecordType": "Bounce",
        "ID": 1,
        "Type": "HardBounce",
        "Email": "canary@example.net",
        "Details": "550 5.1.1 user unknown",
    }
    with httpx.Client(base_url=url) as client:
        assert client.post("/hooks/postmark", json=body).status_code == 401
        assert client.post("/hooks/postmark", json=body, auth=("hook", "canary-password")).json() == {"events": 1}
        assert client.post("/hooks/postmark", json=body, auth=("hook", "canary-password")).json() == {"events": 1}
        assert "canary" not in client.get("/metrics").text
    assert suppressed(mailray) == {"canary@example.net": "bounced"}


def test_clicks_and_opens(mailray: Any, serve: Serve, campaign: Path, tmp_path: Path) -> None:
    file = campaign / "campaign.yaml"
    tracking = "  tracking: {url: https://go.example.com/}\n  return_path: bounces+{token}@example.com\n  unsubscribe:"
    file.write_text(file.read_text().replace("  unsubscribe:", tracking, 1))
    page = campaign / "templates" / "hello.html.j2"
    page.write_text(page.read_text() + '<a href="https://shop.example.com/?a=1&amp;b=2">shop</a>')
    assert mailray("validate", campaign).code == 0
    done = mailray(
        "run", campaign, "--runner", "inline", "--transport", f"file://{tmp_path}/out", "--run-dir", "runs/first"
    )
    assert done.code == 0
    raw = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*.eml")).replace(b"=\r\n", b"").decode()
    click = re.search(r"https://go\.example\.com(/c/[a-z2-7]{48}/[\w-]+)", raw)
    pixel = re.search(r"https://go\.example\.com(/o/[a-z2-7]{48}\.gif)", raw)
    assert click
    assert pixel
    with httpx.Client(base_url=serve()) as client:
        reply = client.get(click[1])
        assert (reply.status_code, reply.headers["location"]) == (302, "https://shop.example.com/?a=1&b=2")
        assert client.get(click[1][:-1]).status_code == 400
        assert client.get(pixel[1]).headers["content-type"] == "image/gif"
        metrics = client.get("/metrics").text
    assert 'mailray_feedback_events_total{kind="click",source="link"} 1.0' in metrics
    assert 'mailray_feedback_events_total{kind="open",source="pixel"} 1.0' in metrics
    assert suppressed(mailray) == {}
