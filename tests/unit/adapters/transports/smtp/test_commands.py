from __future__ import annotations

from base64 import b64decode

import pytest

from engine.adapters.transports.smtp import commands
from engine.adapters.transports.smtp.errors import LocalProtocolError


def test_plain_is_one_line() -> None:
    line = commands.auth_plain("käthe", "p" * 300).line
    assert line.endswith(b"\r\n")
    assert line.count(b"\n") == 1
    assert b64decode(line.split()[2]).decode() == "\0käthe\0" + "p" * 300


def test_plain_takes_no_nul() -> None:
    with pytest.raises(LocalProtocolError):
        commands.auth_plain("a\0b", "secret")


@pytest.mark.parametrize("name", ["", "a b", "a\r\nMAIL", "ä.example.com"])
def test_ehlo_takes_a_host_name(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        commands.ehlo(name)
