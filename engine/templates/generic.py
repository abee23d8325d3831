"""Any Python operation over values: called once for each distinct tuple of inputs, with its exceptions as bad rows.

It is what makes every expression possible; the exact fast paths beside it are only faster.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment
from markupsafe import Markup

from engine.templates.columns import from_objects, to_objects
from engine.templates.frame import Frame, TooManyRowsError
from engine.templates.sandbox import CampaignEnvironment
from engine.templates.sandbox.meter import METER, Meter
from engine.templates.values import Const, Objects, Texts, Times, Value, failed, union

Operation = Callable[..., Any]
_BATCHED = 2**62
MOST_CHARACTERS = 2**26
MOST_TEXT = 2**20
MOST_INSIDE = 100_000


@contextmanager
def metered(environment: Environment | None, calls: int) -> Iterator[None]:
    """Let the sandbox of campaigns count what some calls cost together, as it does for a row."""
    if environment is not None and not isinstance(environment, CampaignEnvironment):
        yield
        return
    meter = Meter()
    meter.left *= max(1, calls)
    token = METER.set(meter)
    try:
        yield
    finally:
        METER.reset(token)


def constant(operation: Operation, *values: Const) -> Const:
    """The operation on constants."""
    if any(value.failed for value in values):
        return failed()
    try:
        with metered(None, 1):
            result = operation(*(value.value for value in values))
    except Exception:
        return failed()
    return failed() if isinstance(result, Iterator) else Const(result)


def apply(
    frame: Frame,
    environment: Environment,
    operation: Operation,
    *values: Value,
    memo: Hashable | None = None,
    lazy: bool = False,
    pure: bool = True,
) -> Value:
    """The operation over the rows. ``memo`` names it across batches; ``lazy`` keeps its iterators, as lists; an operation that is not
    pure is called for every row."""
    n = frame.n
    columns = [(place, value) for place, value in enumerate(values) if not isinstance(value, Const)]
    if any(isinstance(value, Const) and value.failed for value in values):
        return failed()
    if not columns and pure and not lazy:
        return constant(operation, *(value for value in values if isinstance(value, Const)))
    fixed = [value.value if isinstance(value, Const) else None for value in values]
    if pure and memo is not None and not lazy and len(columns) == 1:
        place, only = columns[0]
        known = _remembered(frame, operation, fixed, place, only, memo)
        if known is not None:
            return known
    inputs = [_objects(frame, value, environment) for _, value in columns]
    if any(each.lazy for each in inputs) and not lazy:
        return failed()
    tuples, codes = _distinct(inputs, n) if pure else _each(inputs, n)
    places = [place for place, _ in columns]
    with metered(environment, len(tuples)):
        results, lost = _called(operation, fixed, places, tuples, lazy)
    bad = union(*(each.bad for each in inputs), lost[codes] if lost.any() else None)
    return from_objects(results, codes, bad, lazy)


def bounded(value: Any) -> Any:
    """The value itself, unless it is a text or container that holds too much, shared parts counted each time: that is left to Jinja2.

    Raises TooManyRowsError.
    """
    if isinstance(value, str):
        if len(value) > MOST_TEXT:
            raise TooManyRowsError("a very long text")
        return value
    count = 0
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, list | tuple | dict | set):
            count += len(each)
            if count > MOST_INSIDE:
                raise TooManyRowsError("a container of very much")
            left.extend((*each.keys(), *each.values()) if isinstance(each, dict) else each)
    return value


def _objects(frame: Frame, value: Value, environment: Environment) -> Objects:
    """The value's objects, made once: Python's containers ask for identity before equality."""
    made: Objects = frame.batch.derived(
        value, ("objects", environment.undefined), lambda: to_objects(value, environment, frame.n)
    )
    return made


def _called(
    operation: Operation, fixed: list[Any], places: list[int], tuples: list[tuple[Any, ...]], lazy: bool
) -> tuple[list[Any], npt.NDArray[np.bool_]]:
    results: list[Any] = []
    size = 0
    lost = np.zeros(len(tuples), bool)
    arguments = list(fixed)
    for index, each in enumerate(tuples):
        for place, argument in zip(places, each, strict=True):
            arguments[place] = argument
        try:
            result = operation(*arguments)
            if isinstance(result, Iterator):
                if not lazy:
                    raise TypeError("an iterator can be read only once")
                result = list(result)
            size += len(result) if isinstance(result, str) else 1
        except Exception:
            lost[index] = True
            result = None
        results.append(result)
        if size > MOST_CHARACTERS:
            raise TooManyRowsError(f"{size:,} characters of one expression")
    return results, lost


def _each(inputs: list[Objects], n: int) -> tuple[list[tuple[Any, ...]], npt.NDArray[np.int32]]:
    columns = [[each.values[code] for code in each.codes.tolist()] for each in inputs]
    rows = list(zip(*columns, strict=True)) if columns else [()] * n
    return rows, np.arange(n, dtype=np.int32)


def _distinct(inputs: list[Objects], n: int) -> tuple[list[tuple[Any, ...]], npt.NDArray[np.int32]]:
    """The distinct tuples of inputs, and each row's; a row that is bad already asks for nothing new."""
    if not inputs:
        return [()], np.zeros(n, np.int32)
    if len(inputs) == 1:
        return [(each,) for each in inputs[0].values], inputs[0].codes
    key = inputs[0].codes.astype(np.int64)
    size = len(inputs[0].values)
    for each in inputs[1:]:
        size *= max(1, len(each.values))
        if size >= _BATCHED:
            return _each(inputs, n)
        key = key * len(each.values) + each.codes
    coded = pc.dictionary_encode(pa.array(key))
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return _tuples(inputs, coded.dictionary.to_numpy()), codes


def _tuples(inputs: list[Objects], keys: npt.NDArray[np.int64]) -> list[tuple[Any, ...]]:
    columns: list[list[Any]] = []
    for each in reversed(inputs):
        keys, place = np.divmod(keys, max(1, len(each.values)))
        columns.append([each.values[index] for index in place.tolist()])
    return list(zip(*reversed(columns), strict=True))


def _remembered(
    frame: Frame, operation: Operation, fixed: list[Any], place: int, value: Value, memo: Hashable
) -> Value | None:
    """A text's or a time's results, kept between batches; None where that does not serve."""
    if not isinstance(value, Texts | Times) or value.undefined is not None:
        return None
    safe = isinstance(value, Texts) and value.safe
    known = frame.batch.memory.known((memo, str(value.array.type), safe))
    if known.useless:
        return None
    array, codes = value.array, value.codes
    if codes is not None and len(array) > len(codes):
        array, codes = array.take(pa.array(codes)), None

    def compute(entries: pa.Array) -> tuple[list[Any], npt.NDArray[np.bool_]]:
        inputs = entries.to_pylist()
        if safe:
            inputs = [None if each is None else Markup(each) for each in inputs]  # noqa: S704
        return _called(operation, fixed, [place], [(each,) for each in inputs], lazy=False)

    rows = known.find(array, compute)
    if rows is None:
        return None
    if codes is not None:
        rows = rows[codes]
    bad = union(value.bad, known.lost[rows] if known.lost.any() else None)
    frame.batch.keep(known)
    return Texts(known.texts, rows, bad=bad, safe=known.safe)
