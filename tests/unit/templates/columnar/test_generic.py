"""Python operations run once for each distinct input, and their exceptions stay with their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
import pyarrow as pa

from engine.templates import compile_template


def with_filter(function: Callable[..., Any]) -> jinja2.Environment:
    environment = jinja2.Environment(autoescape=True)
    environment.filters["f"] = function
    return environment


def test_a_filter_sees_each_text_once_and_again_never() -> None:
    seen: list[str] = []

    def record(text: str) -> str:
        seen.append(text)
        return text + "!"

    program = compile_template("{{ x|f }}", environment=with_filter(record))
    batch = pa.RecordBatch.from_pydict({"x": ["a", "b"] * 500})
    assert program.render(batch).text.to_pylist() == ["a!", "b!"] * 500
    assert program.render(batch).text.to_pylist() == ["a!", "b!"] * 500
    assert sorted(seen) == ["a", "b"]


def test_what_is_remembered_grows_with_new_inputs_and_forgets_no_row() -> None:
    program = compile_template("{{ x|f }}", environment=with_filter(lambda text: f"<{text}>"))
    for size in (3, 10, 200, 5):
        names = [f"n{index % size}" for index in range(1000)]
        texts = program.render(pa.RecordBatch.from_pydict({"x": names})).text.to_pylist()
        assert texts == [f"&lt;{name}&gt;" for name in names]


def test_memory_is_bounded() -> None:
    program = compile_template("{{ x|f }}", environment=with_filter(str.swapcase))
    for batch in range(60):
        names = [f"n{batch}-{index // 2}" for index in range(2000)]
        assert program.render(pa.RecordBatch.from_pydict({"x": names})).text.to_pylist()[-1] == f"N{batch}-999"
    assert all(len(known.texts) <= 32_000 for known in program.parts.compiled.memory.results.values())


def test_kinds_of_results_are_kept_apart(same: Callable[..., Any]) -> None:
    batch = pa.RecordBatch.from_pydict({"x": ["a", "", None, "<"] * 20})
    same("{{ x|f }}", batch, with_filter(lambda text: jinja2.filters.Markup("<b>") if text == "a" else text))
    same("{{ x|f }}", batch, with_filter(lambda text: {"a": 1, "": 1.0, None: True}.get(text)))


def test_a_row_that_raises_takes_no_other_with_it(same: Callable[..., Any]) -> None:
    def picky(text: str | None) -> str:
        if text is None:
            raise LookupError("none")
        return text

    batch = pa.RecordBatch.from_pydict({"x": ["a", None, "b"]})
    same("{{ x|f }}", batch, with_filter(picky))
    rendering = compile_template("{{ x|f }}", environment=with_filter(picky)).render(batch)
    assert rendering.text.to_pylist() == ["a", None, "b"]
    assert isinstance(rendering.errors[1], LookupError)


def test_iterators_are_read_once(same: Callable[..., Any]) -> None:
    batch = pa.RecordBatch.from_pydict({"x": [["a", "b"], [], None]})
    same("{% set g = x|map('upper') %}{{ g|list|length }}{{ g|list|length }}", batch)
    same("{% set g = (x or [])|select('eq', 'a') %}{% for y in g %}{{ y }}{% endfor %}", batch)


def test_a_small_first_batch_of_different_texts_settles_nothing() -> None:
    calls: list[str] = []

    def record(text: str) -> str:
        calls.append(text)
        return text.upper()

    program = compile_template("{{ x|f }}", environment=with_filter(record))
    program.render(pa.RecordBatch.from_pydict({"x": [f"n{index}" for index in range(200)]}))
    batch = pa.RecordBatch.from_pydict({"x": [f"n{index % 300}" for index in range(5000)]})
    for _ in range(3):
        assert program.render(batch).text.to_pylist()[-1] == f"N{4999 % 300}"
    assert len(calls) == 300
