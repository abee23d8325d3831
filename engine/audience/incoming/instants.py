"""Points in time from text: ISO 8601 with an offset, or without one where a zone is given."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.store import INSTANT

_OFFSET = r"(Z|z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)"
_ISO = r"^(1[7-9]|2[01])\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?" + _OFFSET + "?$"
_WITH_OFFSET = rf"[T ].*{_OFFSET}$"
FIRST, AFTER_LAST = -8_520_336_000_000_000, 7_258_118_400_000_000  # the years 1700 to 2199, which pandas can hold, too
NAIVE = pa.timestamp("us")


def parse(texts: pa.StringArray, zone: str | None) -> tuple[pa.Array, pa.BooleanArray]:
    """The instants, null where a text is none, and which texts lack an offset that they would need.

    What lies below a microsecond is cut off. With ``zone`` a text without an offset is a local time there: the earlier of two in
    autumn, and the first that exists in spring.
    """
    shaped = pc.match_substring_regex(texts, _ISO)
    cut = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    cut = pc.replace_substring_regex(cut, "z$", "Z")
    offset = pc.match_substring_regex(texts, _WITH_OFFSET)
    nothing = pa.scalar(None, pa.string())
    with_offset = _cast(pc.if_else(pc.and_(shaped, offset), cut, nothing), INSTANT)
    naive = pc.and_(shaped, pc.invert(offset))
    if zone is None:
        return with_offset, pc.fill_null(naive, False)
    local = localised(_cast(pc.if_else(naive, cut, nothing), NAIVE), zone)
    return pc.coalesce(with_offset, local), pa.array([False] * len(texts))


def in_range(instants: pa.Array) -> pa.BooleanArray:
    """Which are in the years that are taken; null where there is none."""
    micros = instants.cast(pa.int64())
    return pc.and_(pc.greater_equal(micros, FIRST), pc.less(micros, AFTER_LAST))


def localised(local: pa.Array, zone: str) -> pa.Array:
    """Local times of a zone as instants."""
    placed = pc.assume_timezone(local.cast(NAIVE), zone, ambiguous="earliest", nonexistent="latest")
    return placed.cast(INSTANT)


def _cast(texts: pa.StringArray, kind: pa.DataType) -> pa.Array:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:  # some day that no calendar has: then one by one
        return pa.array([None if each is None else _one(each) for each in texts.to_pylist()], kind)


def _one(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
