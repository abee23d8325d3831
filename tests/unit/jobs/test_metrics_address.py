"""Where `mailray automate --metrics` listens: on this machine alone, unless it is told otherwise."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UsageError
from jobs.automate import _place
from jobs.cli import run_guarded


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":0", ("127.0.0.1", 0)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::1]:65535", ("::1", 65535)),
        ("metrics.example.com:80", ("metrics.example.com", 80)),
    ],
)
def test_addresses(text: str, place: tuple[str, int]) -> None:
    assert _place(text) == place


@pytest.mark.parametrize(
    "text", ["", "localhost", "9464x", "65536", "-1", "http://127.0.0.1:80", "user@host:80", "::1", "²"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="MR006"):
        _place(text)


def test_a_port_that_is_taken_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["automate", "nowhere", "--runner", "inline", "--metrics", str(port)]
        assert run_guarded(arguments, debug=False) == 73
    told = capsys.readouterr().err
    assert f"error[MR776]: 127.0.0.1:{port} cannot be listened on" in told
    assert [*tmp_path.iterdir()] == []
