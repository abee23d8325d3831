"""A message's parts, compiled, and one batch put through them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, nodes

from engine.templates.fallback import Fallback, RowTemplate
from engine.templates.frame import Batch, Frame, Memory
from engine.templates.layout import written
from engine.templates.rope import Chunk, Rendered, Rope
from engine.templates.sandbox import CampaignEnvironment, TemplateLimitError
from engine.templates.sandbox.limits import MAX_TEXT
from engine.templates.scope import Unit, UnsupportedError
from engine.templates.statements.compile import compile_body
from engine.templates.statements.steps import Step, run_body
from engine.templates.truth import text_offsets


@dataclass(frozen=True)
class Source:
    """A part's text, its name for Jinja2, and its environment."""

    text: str
    name: str | None
    environment: Environment


@dataclass(frozen=True)
class Compiled:
    """Parts for batches without (or with) columns of certain globals' names. A part that is not lowered has no steps."""

    rows: Mapping[str, RowTemplate]
    steps: Mapping[str, tuple[Step, ...] | None]
    statics: Chunk
    fallbacks: tuple[Fallback, ...]
    per_distinct: tuple[tuple[str, int, str], ...]
    vectorised: tuple[tuple[str, int], ...]
    folded: tuple[tuple[str, int], ...]
    reads: frozenset[str] | None
    globals_used: frozenset[str]
    memory: Memory = field(default_factory=Memory)
    faults: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    def render(self, batch: pa.RecordBatch) -> Rendered:
        """Every part of every row; see ``PartsProgram.render``."""
        with self.memory.lock:
            return self._render(batch)

    def _render(self, batch: pa.RecordBatch) -> Rendered:
        held = Batch(batch, self.memory, self.statics)
        frame = Frame(held, batch.num_rows)
        try:
            written_parts = self._columnar(frame)
            self._limit(held, frame, written_parts)
        except (
            Exception
        ) as error:  # a batch that is too much at once, or a fault of ours: Jinja2 still gives the right texts
            self.faults.append(f"{type(error).__name__}: {error}")
            held, written_parts = Batch(batch, self.memory, self.statics), dict.fromkeys(self.steps)
        repaired = _Repair(self.rows, batch)
        columnar = [name for name, part in written_parts.items() if part is not None]
        bad = np.flatnonzero(frame.bad).tolist() if frame.bad is not None and columnar else []
        for name, part in written_parts.items():
            repaired.part(name, range(batch.num_rows) if part is None else bad)
        held.release()
        return repaired.spliced(held, written_parts)

    def _limit(self, held: Batch, frame: Frame, parts: Mapping[str, Any]) -> None:
        """Mark rows whose text is longer than the sandbox of campaigns lets a rendering be."""
        longest = 0
        for name, part in parts.items():
            if part is None or not isinstance(self.rows[name].template.environment, CampaignEnvironment):
                continue
            ids, offsets = part
            longest = longest or longest_piece(held)
            if len(ids) == 0 or longest * int(np.diff(offsets).max()) <= MAX_TEXT:
                continue
            sizes = np.concatenate([[0], np.cumsum(piece_sizes(held)[ids])])[offsets]
            frame.mark(np.diff(sizes) > MAX_TEXT)

    def _columnar(self, frame: Frame) -> dict[str, tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]] | None]:
        return {name: None if steps is None else written(run_body(steps, frame)) for name, steps in self.steps.items()}


def longest_piece(held: Batch) -> int:
    """Characters of the longest piece, or more."""
    return max(
        (int(np.diff(text_offsets(chunk.texts)).max()) for chunk in held.pool().chunks if len(chunk.texts)), default=0
    )


def piece_sizes(held: Batch) -> npt.NDArray[np.int64]:
    """Characters of every piece."""
    sizes: npt.NDArray[np.int64] = pc.utf8_length(held.pool().array()).to_numpy().astype(np.int64)
    return sizes


BOMB_ROWS = 3


class _Repair:
    """What Jinja2 itself gives for some rows of a batch."""

    def __init__(self, rows: Mapping[str, RowTemplate], batch: pa.RecordBatch) -> None:
        self._rows = rows
        self._batch = batch
        self._dicts: dict[int, Mapping[str, Any]] = {}
        self.texts: dict[str, dict[int, str]] = {name: {} for name in rows}
        self.errors: dict[int, Exception] = {}

    def part(self, name: str, indices: Any) -> None:
        """Render these rows of a part.

        A template that goes beyond the sandbox's limits on several rows running is taken to do so on the rest: a row may cost
        a second until the limit says so, and a batch has thousands.
        """
        beyond: list[TemplateLimitError] = []
        if len(indices) > 1 and len(indices) == self._batch.num_rows and not self._dicts:
            self._dicts = dict(enumerate(self._batch.to_pylist()))
        for index in indices:
            if len(beyond) == BOMB_ROWS:
                self.errors.setdefault(index, beyond[-1])
                continue
            row = self._dicts.get(index)
            if row is None:
                row = self._dicts[index] = self._batch.slice(index, 1).to_pylist()[0]
            outcome = self._rows[name].attempt(row)
            beyond = [*beyond, outcome] if isinstance(outcome, TemplateLimitError) else []
            if isinstance(outcome, Exception):
                self.errors.setdefault(index, outcome)
            else:
                self.texts[name][index] = outcome

    def spliced(self, held: Batch, parts: Mapping[str, Any]) -> Rendered:
        """The parts' ropes with the repaired rows' texts in their places, and nothing for rows that failed."""
        ropes: dict[str, Rope] = {}
        for name, part in parts.items():
            if part is not None and not self.texts[name] and not self.errors:
                ropes[name] = Rope(*part)
                continue
            ropes[name] = self._rope(held, name, part)
        return Rendered(held.pool(), ropes, self.errors)

    def _rope(self, held: Batch, name: str, part: Any) -> Rope:
        n = self._batch.num_rows
        texts = {index: text for index, text in self.texts[name].items() if index not in self.errors}
        base = held.register(pa.array(texts.values(), pa.string())) if texts else 0
        where = np.fromiter(texts, np.int64, len(texts))
        failed = np.fromiter(self.errors, np.int64, len(self.errors))
        ids, offsets = part if part is not None else (np.zeros(0, np.int32), np.zeros(n + 1, np.int64))
        counts = np.diff(offsets)
        kept = np.ones(n, bool)
        kept[where] = False
        kept[failed] = False
        ids = ids[np.repeat(kept, counts)]
        counts = np.where(kept, counts, 0)
        starts = np.cumsum(counts) - counts
        ids = np.insert(ids, starts[where], np.arange(base, base + len(where), dtype=np.int32))
        counts[where] = 1
        ends = np.zeros(n + 1, np.int64)
        np.cumsum(counts, out=ends[1:])
        return Rope(ids.astype(np.int32, copy=False), ends)


def compile_sources(sources: Mapping[str, Source], constants: Mapping[str, Any], shadowed: frozenset[str]) -> Compiled:
    """Compile the parts. Raises ``jinja2.TemplateError`` where one is not valid."""
    unit = Unit(constants, shadowed)
    rows = {key: RowTemplate.of(each.environment, each.text, each.name, constants) for key, each in sources.items()}
    steps: dict[str, tuple[Step, ...] | None] = {}
    everything = False
    for key, each in sources.items():
        known = unit.mark()
        try:
            steps[key] = compile_body(unit, each.environment, each.text, each.name)
        except Exception as error:
            steps[key] = None
            unit.back_to(known)
            unit.fallbacks.append(_refusal(error, each.name or key))
            everything = everything or _refers(each)
            unit.reads |= rows[key].reads
    texts = pa.array(list(unit.statics), pa.string())
    statics = Chunk(texts, ("statics", hash(tuple(unit.statics))))
    reads = None if everything else frozenset(unit.reads)
    fallbacks = tuple(dict.fromkeys(unit.fallbacks))
    return Compiled(
        rows,
        steps,
        statics,
        fallbacks,
        tuple(unit.per_distinct),
        tuple(unit.vectorised),
        tuple(unit.folded),
        reads,
        frozenset(unit.globals_used),
    )


def _refusal(error: Exception, name: str) -> Fallback:
    """Why a template runs row by row: a construct that is not lowered, or a fault of ours, which Jinja2 does not share."""
    if isinstance(error, UnsupportedError):
        return Fallback(error.template or name, error.line or 1, error.what, error.why)
    return Fallback(name, 1, "template", f"it could not be compiled to columns ({type(error).__name__}: {error})")


_REFERENCES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def _refers(source: Source) -> bool:
    """Whether a template that runs row by row draws on others, whose names are not known here."""
    tree = source.environment.parse(source.text, source.name)
    return any(tree.find(kind) is not None for kind in _REFERENCES)
