"""Whatever a batch may hold: every Arrow type as a column, in a list and in a struct, sliced, empty, under any column name."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from differential.oracle import assert_same, outcomes, rendered
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.templates import compile_template

MOMENT = dt.datetime(2025, 10, 26, 0, 30, 5, 7, tzinfo=dt.UTC)
TEXTS = ["a", None, "", "<é>", "a"]
TYPED: dict[str, pa.Array] = {
    "string view": pa.array(TEXTS, pa.string_view()),
    "large string": pa.array(TEXTS, pa.large_string()),
    "dictionary": pa.array(TEXTS).dictionary_encode(),
    "dictionary of int8": pa.array(TEXTS).cast(pa.dictionary(pa.int8(), pa.string())),
    "dictionary with a null entry": pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2, 0], pa.int8()), pa.array(["a", None, "<b>"])),
    "dictionary of numbers": pa.array([1, 2, None, 1, 3]).dictionary_encode(),
    "run-end encoded": pa.RunEndEncodedArray.from_arrays([2, 5], ["a", "<b>"]),
    "binary": pa.array([b"a", None, b"", b"\xff<", b"a"]),
    "fixed binary": pa.array([b"ab", None, b"cd", b"\xff<", b"ab"], pa.binary(2)),
    "half float": pa.array([0.5, None, 1.0, -0.0, 65504.0], pa.float16()),
    "float": pa.array([0.1, None, 1.0, -0.0, 3e38], pa.float32()),
    "double": pa.array([0.1, None, 1e15, -0.0, float("nan")]),
    "uint8": pa.array([0, None, 255, 1, 0], pa.uint8()),
    "uint64": pa.array([0, None, 2**64 - 1, 2**63, 1], pa.uint64()),
    "int64": pa.array([0, None, 2**63 - 1, -(2**63), 1]),
    "bool": pa.array([True, None, False, True, False]),
    "null": pa.nulls(5),
    "decimal32": pa.array([Decimal("1.50"), None, Decimal("0.00"), Decimal("-0.01"), Decimal("9.99")], pa.decimal32(5, 2)),
    "decimal256": pa.array([Decimal("1.50"), None, Decimal("0.00"), Decimal("-0.01"), Decimal("9" * 60)], pa.decimal256(70, 2)),
    "date32": pa.array([dt.date(2025, 1, 31), None, dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 1)]),
    "date64": pa.array([dt.date(2025, 1, 31), None, dt.date(1969, 12, 31), dt.date(1970, 1, 1), dt.date(1970, 1, 1)], pa.date64()),
    "time32": pa.array([dt.time(1, 2, 3), None, dt.time(0, 0), dt.time(23, 59, 59), dt.time(1, 2, 3)], pa.time32("s")),
    "time64 in nanoseconds": pa.array([1000, None, 0, 86_399_999_999_000, 1000], pa.time64("ns")),
    "timestamp in seconds": pa.array([0, None, -1, 1_700_000_000, 0], pa.timestamp("s")),
    "timestamp in milliseconds": pa.array([0, None, -1, 1_700_000_000_123, 0], pa.timestamp("ms")),
    "timestamp in nanoseconds": pa.array([0, None, -1, 1_700_000_000_123_456_789, 0], pa.timestamp("ns")),
    "timestamp in a zone": pa.array([MOMENT, None, MOMENT + dt.timedelta(hours=1), MOMENT, MOMENT], pa.timestamp("us", "Europe/Berlin")),
    "timestamp at an offset": pa.array([MOMENT, None, MOMENT, MOMENT, MOMENT], pa.timestamp("us", "+05:30")),
    "duration": pa.array([1, None, 0, -1, 86_400], pa.duration("s")),
    "interval": pa.array([(1, 2, 3), None, (0, 0, 0), (1, 2, 3), (0, 0, 1)], pa.month_day_nano_interval()),
    "list": pa.array([[1, None], None, [], [2], [3]]),
    "list view": pa.array([[1, None], None, [], [2], [3]], pa.list_view(pa.int64())),
    "large list": pa.array([["<"], None, [], ["a", None], ["b"]], pa.large_list(pa.string())),
    "fixed list": pa.array([[1, None], None, [2, 3], [2, 3], [3, 4]], pa.list_(pa.int64(), 2)),
    "list of lists": pa.array([[[1], None], None, [], [[]], [[2, 3]]]),
    "struct": pa.array([{"a": 1, "b": "<"}, None, {"a": None, "b": None}, {"a": 2, "b": ""}, {"a": 1, "b": "<"}]),
    "empty struct": pa.array([{}, None, {}, {}, {}], pa.struct([])),
    "map": pa.array([[("a", 1)], None, [], [("b", None), ("<", 2)], [("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "uuid": pa.array([b"0123456789abcdef", None, b"0123456789abcdef", b"0" * 16, b"1" * 16], pa.uuid()),
    "union": pa.UnionArray.from_dense(
        pa.array([0, 1, 0, 1, 0], pa.int8()), pa.array([0, 0, 1, 1, 2], pa.int32()), [pa.array([1, 2, None]), pa.array(["a", "<"])]
    ),
}  # fmt: skip
USES = (
    "{{ x }}", "{{ x|upper }}", "{{ [x] }}", "{% if x %}yes{% else %}no{% endif %}", "{{ x == y }}",
    "{{ x or 'none' }}", "{{ x ~ '<' }}", "{{ x|default('d') }}", "{{ x is none }}", "{{ x is number }}",
    "{% for e in x %}{{ loop.index }}{{ e }},{% endfor %}", "{{ x|length }}", "{{ x[0] }}", "{{ x.a }}",
    "{{ x + x }}", "{{ x|int }}", "{{ x < x }}", "{{ x|string|length }}", "{{ '%s'|format(x) }}", "{{ x in [y] }}",
    "{% set z = x %}{{ z }}", "{% for e in [x, y] %}{{ e }}{% endfor %}", "{{ {'k': x} }}", "{{ x.year }}",
    "{{ x|tojson }}",
)  # fmt: skip


def compare(batch: pa.RecordBatch, source: str, **options: Any) -> None:
    wanted = outcomes(ImmutableSandboxedEnvironment(autoescape=True, **options).from_string(source), batch.to_pylist())
    program = compile_template(source, environment=ImmutableSandboxedEnvironment(autoescape=True, **options))
    assert_same(rendered(program, batch), wanted, batch, source)


@pytest.fixture(params=TYPED)
def column(request: pytest.FixtureRequest) -> pa.Array:
    return TYPED[request.param]


def test_a_column_of_the_type(column: pa.Array) -> None:
    batch = pa.RecordBatch.from_pydict({"x": column, "y": pa.concat_arrays([column[1:], column[:1]])})
    for source in USES:
        compare(batch, source)
        compare(batch[2:], source)


def test_the_type_in_a_list(column: pa.Array) -> None:
    offsets = pa.array([0, 2, 2, None, 4, 5], pa.int32())
    batch = pa.RecordBatch.from_pydict({"xs": pa.ListArray.from_arrays(offsets, column)})
    for source in USES[:12]:
        compare(batch, f"{{% for x in xs %}}{{% set y = x %}}{source};{{% endfor %}}")
        compare(batch[1:], f"{{% set x = xs[0] %}}{source}{{{{ xs }}}}")


def test_the_type_in_a_struct(column: pa.Array) -> None:
    inner = pa.StructArray.from_arrays(
        [column, column], names=["x", "items"], mask=pa.array([False, True, False, False, True])
    )
    batch = pa.RecordBatch.from_pydict({"u": inner})
    for source in USES[:12]:
        compare(batch, f"{{% set x = u.x %}}{{% set y = u['items'] %}}{source}{{{{ u }}}}")
        compare(batch[1:4], f"{{% if u %}}{{% set x = u.x %}}{source}{{% endif %}}")


NAMES = (
    "class",
    "first name",
    "loop",
    "self",
    "caller",
    "super",
    "range",
    "dict",
    "cycler",
    "_",
    "gettext",
    "namespace",
    "varargs",
    "context",
    "environment",
    "l_0_x",
    "true",
    "None",
)


USES_OF_NAMES = (
    "{% for x in y %}{{ loop.index }}{{ x }}{% endfor %}{{ loop }}",
    "{{ self }}{{ caller }}{{ super }}{{ varargs }}{{ environment }}{{ context }}",
    "{{ true }}{{ None }}{{ _ }}{{ l_0_x }}{{ x }}",
    "{{ dict }}{{ namespace }}{{ gettext }}{{ cycler }}",
    "{{ range(3)|list }}",
    "{% macro m() %}{{ caller }}{{ varargs }}{{ x }}{% endmacro %}{{ m() }}",
    "{% trans %}a{{ x }}{% endtrans %}",
    "{{ x }}{{ z }}",
)


@pytest.mark.parametrize("source", USES_OF_NAMES)
def test_column_names_that_jinja_uses_itself(source: str) -> None:
    batch = pa.RecordBatch.from_pydict(
        {**{name: [f"<{name}>", None] for name in NAMES}, "x": [1, 2], "y": [[1], [2, 3]]}
    )
    compare(batch, source, extensions=["jinja2.ext.i18n"])


@pytest.mark.parametrize(
    "source",
    ["{{ x }}", "text", "{% for e in x %}{{ e }}{% endfor %}", "{{ x.a|upper }}{% if x %}{{ 1 / 0 }}{% endif %}", ""],
)
def test_no_rows(column: pa.Array, source: str) -> None:
    batch = pa.RecordBatch.from_pydict({"x": column})[:0]
    rendering = compile_template(source).render(batch)
    assert (len(rendering.text), dict(rendering.errors)) == (0, {})


@pytest.mark.parametrize("source", USES)
def test_one_program_for_batches_of_all_types(source: str) -> None:
    """What is remembered of one type's values is not taken for another's that are equal."""
    environment = ImmutableSandboxedEnvironment(autoescape=True)
    program, template = compile_template(source, environment=environment), environment.from_string(source)
    for column in [*TYPED.values(), *reversed(TYPED.values())]:
        batch = pa.RecordBatch.from_pydict({"x": column, "y": column})
        assert_same(rendered(program, batch), outcomes(template, batch.to_pylist()), batch, source)
