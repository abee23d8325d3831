"""Law: a columnar rendering gives, byte for byte, what Jinja2 gives on each row alone, for templates that nobody wrote."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import jinja2
import pyarrow as pa
import pytest
from differential.audience import audiences, repeated
from differential.oracle import Outcome, assert_same, outcomes, rendered
from differential.sources import Written, expressions, families, templates
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from engine.templates import Part, compile_parts, compile_template, texts

Check: TypeAlias = Callable[[st.DataObject], None]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def repeatable(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=SLOW)


def random(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, print_blob=True, database=None, suppress_health_check=SLOW)


def names_in(written: Written) -> frozenset[str]:
    return frozenset(re.findall(r"\b[a-z]+\b", " ".join([written.source, *written.others.values()])))


def reference(written: Written) -> jinja2.Template:
    try:
        return written.environment().from_string(written.source)
    except (jinja2.TemplateSyntaxError, SyntaxError):
        reject()


def holds_an_address(outcome: Outcome) -> bool:
    """A text that shows where an object lies in memory is not the same twice, in Jinja2 either."""
    return isinstance(outcome, str) and re.search("0x[0-9a-f]{6}", outcome, re.IGNORECASE) is not None


def compare(written: Written, batch: pa.RecordBatch, count: int) -> None:
    wanted = outcomes(reference(written), batch.to_pylist())
    if any(map(holds_an_address, wanted)):
        reject()
    program = compile_template(written.source, environment=written.environment())
    assert_same(rendered(program, batch), wanted, batch, written)
    many = repeated(batch, count)
    assert_same(rendered(program, many), [wanted[row % len(wanted)] for row in range(count)], many, written)


def rendered_as_jinja2_does(strategy: st.SearchStrategy[Written]) -> Check:
    def check(data: st.DataObject) -> None:
        written = data.draw(strategy)
        batch = data.draw(audiences(names_in(written)))
        compare(written, batch, data.draw(st.sampled_from((1, 2, 7, 64, 257, 2000))))

    return check


def constants_as_columns(data: st.DataObject) -> None:
    """A value gives the same text folded into the program as it gives in a column, whichever columns are folded."""
    written = data.draw(st.one_of(expressions(), templates()))
    batch = data.draw(audiences(names_in(written)))
    folded = data.draw(st.sets(st.sampled_from(batch.schema.names)))
    constants = {name: batch.column(name)[0].as_py() for name in sorted(folded)}
    kept = batch.select([name for name in batch.schema.names if name not in folded])
    kept = kept.append_column("row_number", pa.array(range(len(batch))))
    wanted = outcomes(reference(written), kept.to_pylist(), constants)
    if any(map(holds_an_address, wanted)):
        reject()
    program = compile_template(written.source, environment=written.environment(), constants=constants)
    assert_same(rendered(program, kept), wanted, kept, (written, constants))


def program_is_stateless(data: st.DataObject) -> None:
    """What a program keeps from one batch changes nothing in the next, whose column types may be others."""
    written = data.draw(st.one_of(expressions(), templates()))
    template = reference(written)
    program = compile_template(written.source, environment=written.environment())
    for _ in range(3):
        batch = data.draw(audiences(names_in(written), most=3))
        wanted = outcomes(template, batch.to_pylist())
        if any(map(holds_an_address, wanted)):
            reject()
        assert_same(rendered(program, batch), wanted, batch, written)


def parts_in_one_pass(data: st.DataObject) -> None:
    """Parts of one message, escaped or not, share what they compute and still read as each would alone."""
    written = data.draw(st.lists(st.one_of(expressions(), templates()), min_size=2, max_size=3))
    escaped = [data.draw(st.booleans()) for _ in written]
    written = [
        replace(written[0], source=part.source, options={**written[0].options, "autoescape": flag})
        for part, flag in zip(written, escaped, strict=True)
    ]
    batch = data.draw(audiences(frozenset().union(*map(names_in, written))))
    wanted = {str(place): outcomes(reference(part), batch.to_pylist()) for place, part in enumerate(written)}
    if any(holds_an_address(outcome) for column in wanted.values() for outcome in column):
        reject()
    parts = {
        str(place): Part(part.source, f"part {place}", part.options["autoescape"]) for place, part in enumerate(written)
    }
    made = {
        flag: replace(written[0], options={**written[0].options, "autoescape": flag}).environment()
        for flag in (True, False)
    }
    batched = compile_parts(parts, environment=made.__getitem__).render(batch)
    failures = [
        {column[row] for column in wanted.values() if not isinstance(column[row], str)} for row in range(len(batch))
    ]
    assert {row for row, classes in enumerate(failures) if classes} == set(batched.errors), written
    assert all(type(error) in failures[row] for row, error in batched.errors.items()), written
    for name, column in wanted.items():
        got = texts(batched.pool.array(), batched.ropes[name], batched.errors).to_pylist()
        assert_same(got, [None if failures[row] else text for row, text in enumerate(column)], batch, written)


CHECKS = {
    "expressions": (rendered_as_jinja2_does(expressions()), 150),
    "templates": (rendered_as_jinja2_does(templates()), 150),
    "families": (rendered_as_jinja2_does(families()), 60),
    "constants": (constants_as_columns, 60),
    "parts": (parts_in_one_pass, 40),
    "statelessness": (program_is_stateless, 40),
}


@pytest.mark.parametrize("name", CHECKS)
def test_columnar_equals_row_by_row(name: str) -> None:
    check, examples = CHECKS[name]
    repeatable(examples)(given(st.data())(check))()


@pytest.mark.soak
@pytest.mark.parametrize("name", CHECKS)
def test_columnar_equals_row_by_row_at_length(name: str) -> None:
    check, examples = CHECKS[name]
    random(20 * examples)(given(st.data())(check))()
