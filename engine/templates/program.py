"""The programs: what a compiled template is to its users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
from jinja2 import BaseLoader, Environment

from engine.templates.analysis import located
from engine.templates.assemble import texts
from engine.templates.compiled import Compiled, Source, compile_sources
from engine.templates.fallback import Fallback
from engine.templates.rope import Rendered
from engine.templates.sandbox import campaign_environment


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

    sources: Mapping[str, Source]
    constants: Mapping[str, Any]
    compiled: Compiled
    origin: tuple[Any, ...] | None = None
    _variants: dict[frozenset[str], Compiled] = field(default_factory=dict)

    @classmethod
    def of(
        cls, sources: Mapping[str, Source], constants: Mapping[str, Any], origin: tuple[Any, ...] | None = None
    ) -> PartsProgram:
        """Compile. Raises ``jinja2.TemplateError``."""
        return cls(sources, constants, compile_sources(sources, constants, frozenset()), origin)

    def __reduce__(self) -> tuple[Any, ...]:
        """A program travels as its sources, and is compiled where it arrives."""
        if self.origin is None:
            return (PartsProgram.of, (self.sources, self.constants))
        return (_compile_again, (*self.origin, self.constants))

    def render(self, batch: pa.RecordBatch) -> Rendered:
        """Every part of every row. A row on which Jinja2 raises is in ``errors`` and has no pieces in any part."""
        return self._for(batch).render(batch)

    def _for(self, batch: pa.RecordBatch) -> Compiled:
        """The program for the batch's schema: a column hides a global of its name."""
        shadowed = self.compiled.globals_used.intersection(batch.schema.names)
        if not shadowed:
            return self.compiled
        found = self._variants.get(shadowed)
        if found is None:
            found = self._variants[shadowed] = compile_sources(self.sources, self.constants, shadowed)
        return found

    @property
    def fallbacks(self) -> tuple[Fallback, ...]:
        """What is rendered row by row by Jinja2, and why; empty when everything is vectorised."""
        return self.compiled.fallbacks

    @property
    def reads(self) -> frozenset[str] | None:
        """The top-level columns that the templates read; None when that is not known and every column is needed."""
        return self.compiled.reads

    @property
    def remembered(self) -> int:
        """Bytes of what is known of distinct inputs from earlier batches."""
        return sum(each.memory.nbytes for each in (self.compiled, *self._variants.values()))

    def specialise(self, constants: Mapping[str, Any]) -> PartsProgram:
        """The program for the rows on which ``constants`` hold too: what they decide is decided now."""
        return PartsProgram.of(self.sources, {**self.constants, **constants}, self.origin)

    def explain(self) -> str:
        """What is vectorised and what is not, in words, a line each."""
        lines = [
            f"{each.template}:{each.line}: row by row, because of {each.what}: {each.why}" for each in self.fallbacks
        ]
        lines += [
            f"{name}:{line}: {what} runs in Python, once for each distinct input"
            for name, line, what in self.compiled.per_distinct
        ]
        lines += [f"a batch was rendered row by row: {fault}" for fault in self.compiled.faults]
        return "\n".join(lines) or "everything is vectorised"


@dataclass(frozen=True)
class Program:
    """One template, compiled; see ``compile_template``."""

    parts: PartsProgram
    name: str

    def render(self, batch: pa.RecordBatch) -> Rendering:
        """The template's text for every row of the batch."""
        return Rendering(self.parts.render(batch), self.name)

    @property
    def fallbacks(self) -> tuple[Fallback, ...]:
        """What is rendered row by row by Jinja2, and why; empty when everything is vectorised."""
        return self.parts.fallbacks

    @property
    def reads(self) -> frozenset[str] | None:
        """The columns that the template reads; None when that is not known."""
        return self.parts.reads

    def explain(self) -> str:
        """What is vectorised and what is not, in words, a line each."""
        return self.parts.explain()


def compile_template(
    source: str,
    *,
    environment: Environment | None = None,
    constants: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Program:
    """Compile a Jinja2 template to a program over Arrow batches.

    The environment's loader, autoescape, filters, tests, globals and extensions are honoured; without one, it is the sandboxed
    environment of campaigns with autoescape. Filters, tests and methods are taken to give the same for the same input. ``constants``
    are known now and folded; they win over a column of the same name. Raises what ``environment.from_string`` raises.
    """
    chosen = environment if environment is not None else campaign_environment(autoescape=True)
    label = name or "template"
    return Program(PartsProgram.of({label: Source(source, name, chosen)}, dict(constants or {})), label)


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
    made = {
        auto: environment(auto) if environment else campaign_environment(autoescape=auto, loader=loader)
        for auto in sorted({part.autoescape for part in parts.values()})
    }
    sources = {key: Source(part.source, part.name, made[part.autoescape]) for key, part in parts.items()}
    with located({part.name: part.source for part in parts.values()}):
        return PartsProgram.of(sources, dict(constants or {}), (dict(parts), loader) if environment is None else None)


def _compile_again(parts: Mapping[str, Part], loader: BaseLoader | None, constants: Mapping[str, Any]) -> PartsProgram:
    return compile_parts(parts, constants=constants, loader=loader)
