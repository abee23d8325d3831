from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

from engine.adapters import transports
from engine.adapters.transports import TRANSPORTS, Credentials, TransportKind, TransportSettings, open_transport
from engine.errors import UsageError


def test_every_kind_in_the_folder_is_in_the_tuple() -> None:
    modules = [
        import_module(f"{transports.__name__}.{found.name}") for found in pkgutil.iter_modules(transports.__path__)
    ]
    kinds = [module.KIND for module in modules if isinstance(getattr(module, "KIND", None), TransportKind)]
    assert {kind.name for kind in kinds} == {kind.name for kind in TRANSPORTS}
    assert len(kinds) == len(TRANSPORTS)


def test_no_scheme_is_claimed_twice() -> None:
    schemes = [scheme for kind in TRANSPORTS for scheme in kind.schemes]
    assert len(schemes) == len(set(schemes))


@pytest.mark.parametrize("kind", TRANSPORTS, ids=lambda kind: kind.name)
def test_the_example_opens(kind: TransportKind, tmp_path: Path) -> None:
    open_transport(kind.example.replace("/tmp/mail", str(tmp_path)), TransportSettings())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smpt://localhost", "did you mean `smtp`?"),
        ("rehersal:", "did you mean `rehearsal`?"),
        ("gopher://x", "known are: `file`, `rehearsal`, `smtp`, `smtps`"),
        ("localhost:25", "known are:"),
        ("/tmp/mail", "without a scheme"),
        ("smtp://", "a host and a port"),
        ("smtp://localhost:port", "a port that is no port"),
        ("smtp://localhost:99999", "a port that is no port"),
        ("smtp://localhost/path", "a host and a port"),
        ("smtp://[::1", "malformed"),
        ("smtp://user:secret@localhost", "by reference"),
        ("file://host/folder", "no absolute path"),
        ("file:folder", "no absolute path"),
        ("rehearsal://x", "more than its scheme"),
    ],
)
def test_a_url_that_opens_nothing(url: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_transport(url, TransportSettings())
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(TransportSettings(credentials=Credentials("user", "hunter2")))
