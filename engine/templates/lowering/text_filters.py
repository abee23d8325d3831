"""Filters from texts to texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.printing import escape_value, is_ascii, replaced, text_of
from engine.templates.scope import Site
from engine.templates.values import Const, Texts, Value, absent_rows, dense, union

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def upper(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    return _ascii(frame, site, value, args, kwargs, "upper", pc.ascii_upper)


def lower(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    return _ascii(frame, site, value, args, kwargs, "lower", pc.ascii_lower)


def _ascii(frame: Frame, site: Site, value: Value, args: Any, kwargs: Any, name: str, kernel: Any) -> Value | None:
    """Arrow's letters are Python's in ASCII alone."""
    if not isinstance(value, Texts) or args or kwargs:
        return None
    text = text_of(frame, value, site.environment)
    if not isinstance(text, Texts):
        return None
    text = dense(text)
    array = text.array
    if not frame.batch.derived(array, "ascii", lambda: is_ascii(array)):
        return None
    return replace(text, array=frame.batch.derived(array, name, lambda: kernel(array)))


def string(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    return None if args or kwargs else text_of(frame, value, site.environment)


def safe(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    if args or kwargs or isinstance(value, Const):
        return None
    text = text_of(frame, value, site.environment)
    return replace(text, safe=True) if isinstance(text, Texts) else None


def escape(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    return None if args or kwargs else escape_value(frame, value, site.environment)


def truncate(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    """Texts that are short enough stay as they are; Jinja2's function sees the others."""
    if not isinstance(value, Texts) or value.undefined is not None:
        return None
    length, killwords, end, leeway = _truncation(site, args, kwargs)
    if (
        type(length) is not int
        or type(leeway) is not int
        or not isinstance(end, str)
        or length < len(end)
        or leeway < 0
    ):
        return None
    function = site.environment.filters["truncate"]
    memo = ("truncate", length, bool(killwords), end, leeway)

    def call(text: Any) -> Any:
        return function(site.environment, text, *args, **kwargs)

    if not frame.batch.memory.known((memo, "string", value.safe)).useless:
        return apply(frame, site.environment, call, value, memo=memo)
    return _cut(frame, site, dense(value), length + leeway, call)


def _cut(frame: Frame, site: Site, value: Texts, most: int, call: Any) -> Value | None:
    """Many different texts: only the long ones are looked at."""
    sizes = pc.fill_null(pc.utf8_length(value.array), 0).to_numpy(zero_copy_only=False)
    long = np.flatnonzero(sizes > most)
    bad = union(value.bad, absent_rows(value, frame.n))
    if len(long) == 0:
        return replace(value, bad=bad)
    inner = Frame(frame.batch, len(long))
    cut = apply(inner, site.environment, call, Texts(value.array.take(pa.array(long)), safe=value.safe))
    if not isinstance(cut, Texts) or cut.bad is not None or cut.safe != value.safe:
        return None
    texts = cut.array if cut.codes is None else cut.array.take(pa.array(cut.codes))
    return replace(value, array=replaced(value.array, long, texts), bad=bad)


def _truncation(site: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    given = dict(zip(("length", "killwords", "end", "leeway"), args, strict=False)) | kwargs
    leeway = given.get("leeway")
    if leeway is None:
        leeway = site.environment.policies["truncate.leeway"]
    return given.get("length", 255), given.get("killwords", False), given.get("end", "..."), leeway
