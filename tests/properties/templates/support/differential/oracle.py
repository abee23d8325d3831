"""What Jinja2 itself gives, row by row, and the comparison with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import jinja2
import pyarrow as pa

Outcome: TypeAlias = str | type[Exception]


def outcome(template: jinja2.Template, row: Mapping[str, Any]) -> Outcome:
    try:
        return template.render(row)
    except Exception as error:
        return type(error)


def outcomes(
    template: jinja2.Template, rows: Iterable[Mapping[str, Any]], constants: Mapping[str, Any] | None = None
) -> list[Outcome]:
    """The text of each row rendered alone, or the class of the exception that it raises."""
    return [outcome(template, {**(constants or {}), **row}) for row in rows]


def observed(rendering: Any) -> list[Outcome]:
    """A columnar rendering in the same form; a row is null exactly when it has an error."""
    texts = rendering.text.to_pylist()
    assert {row for row, text in enumerate(texts) if text is None} == set(rendering.errors)
    return [type(rendering.errors[row]) if text is None else text for row, text in enumerate(texts)]


def rendered(program: Any, batch: pa.RecordBatch) -> list[Outcome]:
    """What a program gives on a batch, and gives by itself: where it breaks off, Jinja2 renders the batch, which would hide it."""
    made = observed(program.render(batch))
    assert "a batch was rendered row by row" not in program.explain(), program.explain()
    return made


def assert_same(
    got: Sequence[Outcome | None], wanted: Sequence[Outcome | None], batch: pa.RecordBatch, source: object
) -> None:
    """Byte for byte the same; otherwise shows the template and the first row that differs."""
    assert len(got) == len(wanted)
    for row, (mine, reference) in enumerate(zip(got, wanted, strict=True)):
        if mine != reference:
            values = batch.slice(row, 1).to_pylist()[0]
            raise AssertionError(
                f"\ntemplate  {source!r}\nrow       {values!r}\nJinja2    {reference!r}\ncolumnar  {mine!r}"
            )
