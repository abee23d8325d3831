"""Mails as projects write them: inheritance, blocks shown twice, macros, includes, translations and white space control."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pyarrow as pa
import pytest
from differential.customers import CONSTANTS, customers
from differential.oracle import assert_same, outcomes, rendered
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.templates import compile_template

CORPUS = Path(__file__).parents[2] / "corpus" / "templates"
LEAST_WITHOUT_FALLBACK = 0.9
MAILS = sorted(path.relative_to(CORPUS).as_posix() for path in (CORPUS / "mails").iterdir())


def environment(name: str, trimmed: bool) -> jinja2.Environment:
    made = ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(CORPUS),
        autoescape=name.endswith(".html.j2"),
        extensions=["jinja2.ext.i18n"],
        trim_blocks=trimmed,
        lstrip_blocks=trimmed,
    )
    made.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    return made


def source(name: str) -> str:
    return (CORPUS / name).read_text("utf-8")


@pytest.fixture(scope="module")
def audience() -> pa.RecordBatch:
    return customers(300)


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "unfolded"])
@pytest.mark.parametrize("trimmed", [True, False], ids=["trimmed", "untrimmed"])
@pytest.mark.parametrize("name", MAILS)
def test_renders_as_jinja2_does(name: str, trimmed: bool, folded: bool, audience: pa.RecordBatch) -> None:
    batch = audience if folded else with_columns(audience)
    wanted = outcomes(
        environment(name, trimmed).from_string(source(name)), batch.to_pylist(), CONSTANTS if folded else None
    )
    assert sum(isinstance(outcome, str) for outcome in wanted) > len(wanted) / 2
    program = compile_template(
        source(name), environment=environment(name, trimmed), constants=CONSTANTS if folded else None
    )
    assert_same(rendered(program, batch), wanted, batch, name)


def with_columns(audience: pa.RecordBatch) -> pa.RecordBatch:
    """The constants as columns; a story's missing plan is not there in some rows only, so it is a column's null in all of them."""
    for name, value in CONSTANTS.items():
        audience = audience.append_column(name, pa.array([value] * len(audience)))
    return audience


def test_nine_in_ten_have_no_fallback() -> None:
    falling = [
        name
        for name in MAILS
        if compile_template(source(name), environment=environment(name, False), constants=CONSTANTS).fallbacks
    ]
    assert len(falling) <= (1 - LEAST_WITHOUT_FALLBACK) * len(MAILS), falling
