"""E-mail addresses under example.com: one in 200 broken, one in 500 that of an earlier customer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from examples.customers.draws import Draws, Index, Rows
from examples.customers.names import FIRST_NAMES, LAST_NAMES, local_part

BROKEN_SHARE = 1 / 200
DUPLICATE_SHARE = 1 / 500
DOMAINS = ("example.com", "mail.example.com", "post.example.com", "webmail.example.com", "office.example.com")
_DOMAIN_WEIGHTS = (58, 17, 12, 9, 4)

_FIRST = [local_part(name) for name in FIRST_NAMES]
_LAST = [local_part(name) for name in LAST_NAMES]
_INITIAL = [name[0] for name in _FIRST]
_HEAD = pa.array([*_FIRST, *_INITIAL, *_LAST])
_TAIL = pa.array([*_LAST, "", *_FIRST])
_SEPARATORS = pa.array([".", "", "_", "", "."])
_PATTERN_WEIGHTS = (40, 25, 15, 12, 8)  # mary.jones, mjones, mary_jones, mary, jones.mary

# What people and exports really get wrong. Each is wrong under every reading of RFC 5321; None and "" are missing.
BREAKAGES: tuple[Callable[[str, str], str | None], ...] = (
    lambda local, domain: f"{local}{domain}",
    lambda local, domain: f"{local[:3]} {local[3:]}@{domain}",
    lambda local, domain: f"{local}@@{domain}",
    lambda local, domain: f"{local}@home@{domain}",
    lambda local, domain: f"{local}@{domain}.",
    lambda local, domain: f"{local}@{domain.replace('.', ',')}",
    lambda local, domain: f"{local[:2]}..{local[2:]}@{domain}",
    lambda local, _: f"{local}@",
    lambda _, domain: f"@{domain}",
    lambda *_: "",
    lambda *_: None,
)
_CANDIDATES = 8


def name_index(draws: Draws, rows: Rows) -> tuple[Index, Index]:
    """Positions of each row's first and last name; squaring the draw makes the first in the lists frequent."""
    first = (draws.uniform("first name", rows) ** 2 * len(FIRST_NAMES)).astype(np.int64)
    last = (draws.uniform("last name", rows) ** 2 * len(LAST_NAMES)).astype(np.int64)
    return first, last


def persons(draws: Draws, rows: Rows) -> Rows:
    """Whose name and address each row bears: the row's own number, or for a duplicate that of an earlier row.

    The earlier row is one that bears its own address unbroken, so that the address has been seen before.
    """
    earlier = rows.copy()
    found = ~_is_duplicate(draws, rows)
    for attempt in range(_CANDIDATES):
        candidate = draws.below(f"earlier {attempt}", rows, rows.astype(np.int64)).astype(np.uint64)
        fit = ~found & (rows > 0) & ~_is_duplicate(draws, candidate) & ~_is_broken(draws, candidate)
        earlier[fit] = candidate[fit]
        found |= fit
    return earlier


def addresses(draws: Draws, rows: Rows, person: Rows) -> pa.StringArray:
    address = _valid_addresses(draws, person)
    duplicate = pa.array(person != rows)
    shout = draws.weighted("case", rows, (4, 3, 3))
    address = pc.if_else(pc.and_(duplicate, pa.array(shout == 1)), pc.ascii_upper(address), address)
    address = pc.if_else(pc.and_(duplicate, pa.array(shout == 2)), pc.ascii_capitalize(address), address)
    broken = _is_broken(draws, rows)
    return pc.replace_with_mask(address, pa.array(broken), _broken_addresses(draws, rows[broken], address, broken))


def _valid_addresses(draws: Draws, person: Rows) -> pa.StringArray:
    first, last = name_index(draws, person)
    pattern = draws.weighted("pattern", person, _PATTERN_WEIGHTS)
    firsts, lasts = len(_FIRST), len(_LAST)
    head = np.choose(pattern, [first, firsts + first, first, first, 2 * firsts + last])
    tail = np.choose(pattern, [last, last, last, np.full_like(last, lasts), lasts + 1 + first])
    return pc.binary_join_element_wise(
        _HEAD.take(pa.array(head)),
        _SEPARATORS.take(pa.array(pattern)),
        _TAIL.take(pa.array(tail)),
        pa.array(person).cast(pa.string()),  # the number makes the address unique
        pa.array(["", "+shop"]).take(pa.array(draws.weighted("tag", person, (97, 3)))),
        "@",
        pa.array(DOMAINS).take(pa.array(draws.weighted("domain", person, _DOMAIN_WEIGHTS))),
        "",
    )


def _broken_addresses(
    draws: Draws, rows: Rows, address: pa.StringArray, broken: npt.NDArray[np.bool_]
) -> pa.StringArray:
    parts = [text.split("@") for text in address.filter(pa.array(broken)).to_pylist()]
    kinds = draws.below("breakage", rows, len(BREAKAGES))
    return pa.array([BREAKAGES[kind](*part) for kind, part in zip(kinds, parts, strict=True)], pa.string())


def _is_broken(draws: Draws, rows: Rows) -> npt.NDArray[np.bool_]:
    return draws.uniform("broken", rows) < BROKEN_SHARE


def _is_duplicate(draws: Draws, rows: Rows) -> npt.NDArray[np.bool_]:
    return ~_is_broken(draws, rows) & (draws.uniform("duplicate", rows) < DUPLICATE_SHARE)
