"""One table, in the code and in the documents."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import engine
from engine.adapters.transports import TransportKind, keeps_octets, providers
from engine.adapters.transports.providers import CAPABILITIES, KINDS
from engine.adapters.transports.providers.resend import idempotency_key

PAGE = Path(engine.__file__).parent.parent / "docs" / "transports.md"


def test_every_kind_in_the_folder_is_in_the_tuple() -> None:
    modules = [
        import_module(f"{providers.__name__}.{found.name}") for found in pkgutil.iter_modules(providers.__path__)
    ]
    kinds = {module.KIND.name for module in modules if isinstance(getattr(module, "KIND", None), TransportKind)}
    assert kinds == {kind.name for kind in KINDS} == set(CAPABILITIES)


def test_the_page_shows_the_table() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in PAGE.read_text().splitlines()
        if line.startswith("| ")
    ]
    names = next([cell.strip("`") for cell in row[1:6]] for row in rows if row[1:2] == ["`ses`"])
    table = {row[0]: dict(zip(names, row[1:6], strict=True)) for row in rows if len(row) == 7}
    assert set(names) == set(CAPABILITIES)
    for name, each in CAPABILITIES.items():
        assert table["takes our octets"][name] == ("yes" if each.raw else "no")
        assert table["they arrive as they are (own DKIM)"][name] == ("yes" if each.keeps_octets else "no")
        assert table["messages in a request"][name] == str(each.batch)
        hours = None if each.remembers is None else f"{each.remembers.total_seconds() / 3600:.0f} h"
        assert table["knows an idempotency key for"][name] == (hours or "-")
        assert (table["can be asked for the message with a delivery key"][name] != "-") is each.searched
        assert table["largest message, MiB"][name] == str(each.largest_message >> 20)
        assert table["largest request, MiB"][name] == str(each.largest_request >> 20)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("smtp://localhost", True),
        ("rehearsal:", True),
        ("https+webhook://mail.example.com/x", True),
        ("ses:", False),
        ("https+sendgrid://api.eu.sendgrid.com", False),
    ],
)
def test_whether_a_signature_of_ours_holds(url, kept) -> None:
    assert keeps_octets(url) is kept


def test_keys_of_requests() -> None:
    one, two = b"\1" * 16, b"\2" * 16
    assert idempotency_key([one]) == "v1-" + "01" * 16
    assert len({idempotency_key(keys) for keys in ([one], [two], [one, two], [two, one], [one, two, one])}) == 5
    assert idempotency_key([one, two]) == idempotency_key([one, two])
