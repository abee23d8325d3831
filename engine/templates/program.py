"""The programs: what a compiled template is to its users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from jinja2 import BaseLoader, Environment, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.templates.analysis import located
from engine.templates.assemble import texts
from engine.templates.fallback import Fallback, RowTemplate
from engine.templates.rope import Chunk, Pool, Rendered, Rope


def sandboxed(autoescape: bool, loader: BaseLoader | None) -> Environment:
    """The environment that campaigns' templates are compiled in when none is given."""
    return ImmutableSandboxedEnvironment(autoescape=autoescape, loader=loader, undefined=StrictUndefined)


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a message: its source, the name that faults are told under, and whether values are HTML-escaped."""

    source: str
    name: str
    autoescape: bool


@dataclass(frozen=True)
class Rendering:
    """The texts of a batch: ``text`` has one entry a row, null where the row failed; ``errors`` says why."""

    rendered: Rendered
    part: str

    @property
    def errors(self) -> Mapping[int, Exception]:
        return self.rendered.errors

    @cached_property
    def text(self) -> pa.StringArray:
        return texts(self.rendered.pool.array(), self.rendered.ropes[self.part], self.rendered.errors)


@dataclass(frozen=True)
class PartsProgram:
    """Several templates over one batch: what they share is evaluated once."""

    rows: Mapping[str, RowTemplate]
    constants: Mapping[str, Any]
    fallbacks: tuple[Fallback, ...]
    reads: frozenset[str]

    def render(self, batch: pa.RecordBatch) -> Rendered:
        """Every part of every row. A row on which Jinja2 raises is in ``errors`` and has no pieces in any part."""
        values = batch.to_pylist()
        outcomes = {name: [row.attempt(each) for each in values] for name, row in self.rows.items()}
        errors: dict[int, Exception] = {}
        for column in outcomes.values():
            for index, outcome in enumerate(column):
                if isinstance(outcome, Exception):
                    errors.setdefault(index, outcome)
        kept = [index for index in range(len(values)) if index not in errors]
        chunks: list[Chunk] = []
        ropes: dict[str, Rope] = {}
        for name, column in outcomes.items():
            base = sum(len(chunk.texts) for chunk in chunks)
            chunks.append(Chunk(pa.array([column[index] for index in kept], pa.string())))
            counts = np.array([int(index not in errors) for index in range(len(values))], dtype=np.int64)
            offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            ropes[name] = Rope(np.arange(base, base + len(kept), dtype=np.int32), offsets)
        return Rendered(Pool(tuple(chunks)), ropes, errors)

    def specialise(self, constants: Mapping[str, Any]) -> PartsProgram:
        """The program for the rows on which ``constants`` hold too."""
        merged = {**self.constants, **constants}
        rows = {name: row.with_constants(merged) for name, row in self.rows.items()}
        return PartsProgram(rows, merged, self.fallbacks, self.reads)

    def explain(self) -> str:
        return "\n".join(str(each) for each in self.fallbacks) or "everything is vectorised"


@dataclass(frozen=True)
class Program:
    """One template, compiled; see ``compile_template``."""

    parts: PartsProgram
    name: str = field(default="template")

    def render(self, batch: pa.RecordBatch) -> Rendering:
        """The template's text for every row of the batch."""
        return Rendering(self.parts.render(batch), self.name)

    @property
    def fallbacks(self) -> tuple[Fallback, ...]:
        return self.parts.fallbacks

    @property
    def reads(self) -> frozenset[str]:
        return self.parts.reads

    def explain(self) -> str:
        return self.parts.explain()


def compile_with(
    environments: Mapping[str, Environment], parts: Mapping[str, tuple[str, str | None]], constants: Mapping[str, Any]
) -> PartsProgram:
    """The program of the parts' sources, each in its environment."""
    rows = {key: RowTemplate.of(environments[key], *parts[key], constants) for key in parts}
    fallbacks = tuple(Fallback(row.name or key, 1, "template", "not vectorised") for key, row in rows.items())
    return PartsProgram(rows, constants, fallbacks, frozenset().union(*(row.reads for row in rows.values())))


def compile_template(
    source: str,
    *,
    environment: Environment | None = None,
    constants: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Program:
    """Compile a Jinja2 template to a program over Arrow batches.

    The environment's loader, autoescape, filters, tests, globals and extensions are honoured; without one, it is the sandboxed
    environment of campaigns with autoescape. ``constants`` are known now and folded; they win over a column of the same name.
    Raises what ``environment.from_string`` raises on a template that is not valid.
    """
    chosen = environment if environment is not None else sandboxed(True, None)
    label = name or "template"
    return Program(compile_with({label: chosen}, {label: (source, name)}, dict(constants or {})), label)


def compile_parts(
    parts: Mapping[str, Part],
    *,
    constants: Mapping[str, Any] | None = None,
    loader: BaseLoader | None = None,
    environment: Callable[[bool], Environment] | None = None,
) -> PartsProgram:
    """Compile a message's parts to one program. ``environment`` gives the environment for an autoescape setting.

    Raises ``CampaignError`` with file, line and column when a part is not a valid template.
    """
    made = {auto: environment(auto) if environment else sandboxed(auto, loader) for auto in (True, False)}
    environments = {key: made[part.autoescape] for key, part in parts.items()}
    with located({part.name: part.source for part in parts.values()}):
        return compile_with(environments, {k: (p.source, p.name) for k, p in parts.items()}, dict(constants or {}))
