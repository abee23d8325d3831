"""`mailray inbox`: receives, shows, and ends when it is told to."""

from __future__ import annotations

import json
import signal
import smtplib
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
MESSAGE = "From: a@example.com\r\nTo: b@example.com\r\nSubject: {}\r\n\r\nhello\r\n"


@pytest.fixture
def inbox(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., dict[str, str]]]:
    """Start the verb on free ports; it is interrupted at the end, which it must take well."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> dict[str, str]:
        command = [sys.executable, "-m", "jobs.cli", "inbox", "--port", "0", "--web-port", "0", "--json", *arguments]
        environ = {**environment, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return json.loads("".join(process.stdout.readline() for _ in range(4)))

    yield start
    for process in started:
        with process:
            process.send_signal(signal.SIGINT)
    assert [process.returncode for process in started] == [0] * len(started)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.read()


def test_mail_is_received_counted_kept_and_shown(inbox: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    where = inbox("--folder", "kept", "--permanent", "0.3")
    accepted = refused = 0
    with smtplib.SMTP("127.0.0.1", int(where["smtp"].rpartition(":")[2]), timeout=30) as client:
        for number in range(40):
            try:
                client.sendmail("a@example.com", [f"to{number}@example.com"], MESSAGE.format(number))
                accepted += 1
            except smtplib.SMTPRecipientsRefused:
                refused += 1
    assert accepted
    assert refused
    counts = json.loads(fetch(where["page"] + "api/counts"))
    assert (counts["accepted"], counts["refused_permanent"]) == (accepted, refused)
    assert len(list((tmp_path / "kept").glob("*.eml"))) == min(accepted, 25)
    assert b"Subject" in fetch(where["page"]) or b"to1@example.com" in fetch(where["page"])
    assert str(accepted).encode() in fetch(where["page"] + "api/messages")


def test_a_port_that_is_taken_is_told(inbox: Callable[..., dict[str, str]], mailray: Callable[..., Any]) -> None:
    port = inbox()["smtp"].rpartition(":")[2]
    taken = mailray("inbox", "--port", port, "--web-port", "0")
    assert (taken.code, "MR741" in taken.err) == (69, True)
