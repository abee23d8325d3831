"""How each template is compiled, and what a message costs: measured on recipients whom the workflow sends it."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.eligibility import Marks
from engine.delivery.mime import MessageProgram, SenderIdentity
from engine.monitoring import Stages
from engine.pipeline.definition import TENANT, PlanDefinition
from engine.pipeline.materialise import Mailing, Materialiser, template_variables
from engine.pipeline.plan import PlanProgram
from engine.pipeline.programs import compile_apart, compile_templates
from engine.templates import Fallback, PartsProgram
from engine.templates.catalogue import TemplateSet

MOST_SAMPLED = 8_192  # messages of a template
MOST_READ = 262_144  # rows of the audience, for templates that hardly anybody is sent
CHUNKS = 4  # the first warms up; each of the others has rows that were not seen before, as a run has
LEAST_CHUNK = 256  # messages; fewer are rendered again and again instead
_KEY = bytes(32)  # tokens and Message-IDs cost the same with any key; what is made here is thrown away

Clock = Callable[[], float]
Lines = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class PartExplanation:
    """One part of a template. Lines are those of the prepared sources, by file.

    ``vectorised``: evaluated over all rows at once. ``folded``: the same in every message, and decided when the template was
    compiled. A line may be both: it has several expressions, or stands in a macro that is called in several ways. ``per_distinct``:
    Python that is called once for each distinct input, with file, line and what. ``fallbacks``: rendered by Jinja2, row by row.
    ``microseconds``: to render the part alone, a message; None if nobody in the sample is sent the template.
    """

    part: str
    file: str
    vectorised: Lines
    folded: Lines
    per_distinct: tuple[tuple[str, int, str], ...]
    fallbacks: tuple[Fallback, ...]
    microseconds: float | None


@dataclass(frozen=True, slots=True)
class TemplateExplanation:
    """A template: ``messages`` were sampled. ``render`` and ``mime`` are microseconds a message, with what the parts share counted once.

    ``faults`` counts sampled recipients for whom there is no message, by reason; ``rows_by_jinja`` says why whole batches were
    rendered row by row.
    """

    template: str
    parts: tuple[PartExplanation, ...]
    messages: int
    render: float | None
    mime: float | None
    faults: Mapping[str, int]
    rows_by_jinja: tuple[str, ...]


def sample(
    definition: PlanDefinition, templates: Iterable[str], batches: Iterable[pa.RecordBatch]
) -> dict[str, pa.RecordBatch]:
    """The first messages of each template, as rows of an outbox; none for a template that nobody read is sent.

    Duplicates and the suppressed are among them: whether somebody is one takes the whole audience to know.
    """
    program = PlanProgram(definition)
    found: dict[str, list[pa.RecordBatch]] = {name: [] for name in templates}
    read = 0
    for batch in batches:
        none = np.zeros(batch.num_rows, dtype=np.bool_)
        outbox = program.plan(read, batch, Marks(none, none)).outbox
        read += batch.num_rows
        for name, blocks in found.items():
            blocks.append(outbox.filter(pc.equal(outbox.column("template"), name)))
        if read >= MOST_READ or all(_rows(blocks) >= MOST_SAMPLED for blocks in found.values()):
            break
    return {name: _first(blocks) for name, blocks in found.items() if _rows(blocks)}


def explain(
    definition: PlanDefinition, templates: Sequence[TemplateSet], sampled: Mapping[str, pa.RecordBatch], clock: Clock
) -> Iterator[TemplateExplanation]:
    """Explain each template; ``sampled`` as ``sample`` gives it, ``clock`` gives seconds."""
    campaign = definition.campaign
    unsubscribe = None if campaign.delivery.unsubscribe is None else campaign.delivery.unsubscribe.url
    mime = MessageProgram(SenderIdentity.of(campaign, TENANT), secret=_KEY)
    mailing = Mailing(compile_templates(campaign, templates), mime, _KEY, definition.now, unsubscribe)
    for template in templates:
        outbox = sampled.get(template.name)
        chunks = [] if outbox is None else _chunks(outbox)
        costs, faults = _whole(mailing, chunks, clock)
        yield TemplateExplanation(
            template.name,
            tuple(
                _part(name, template.parts[name].name, program, _rendering(mailing, program, chunks, clock))
                for name, program in compile_apart(campaign, template).items()
            ),
            0 if outbox is None else outbox.num_rows,
            costs.get("render"),
            costs.get("mime"),
            faults,
            tuple(mailing.programs[template.name].compiled.faults),
        )


def _rows(blocks: Iterable[pa.RecordBatch]) -> int:
    return sum(block.num_rows for block in blocks)


def _first(blocks: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(blocks).slice(0, MOST_SAMPLED).combine_chunks().to_batches()[0]


def _chunks(outbox: pa.RecordBatch) -> list[pa.RecordBatch]:
    size = outbox.num_rows // CHUNKS
    return [outbox.slice(each * size, size) for each in range(CHUNKS)] if size >= LEAST_CHUNK else [outbox] * CHUNKS


def _whole(mailing: Mailing, chunks: Sequence[pa.RecordBatch], clock: Clock) -> tuple[dict[str, float], Counter[str]]:
    """Microseconds a message by stage, and the rows without a message by reason."""
    passes: list[dict[str, float]] = []
    faults: dict[int, str] = {}
    for chunk in chunks:
        stages = Stages(clock)
        for block in Materialiser(mailing, chunk, stages).blocks(range(chunk.num_rows)):
            faults |= {chunk.column("row")[row].as_py(): reason for row, reason in block.faults.items()}
        passes.append({name: 1e6 * each["seconds"] / chunk.num_rows for name, each in stages.as_dict().items()})
    costs = {name: statistics.median(each[name] for each in passes[1:]) for name in passes[0]} if passes else {}
    return costs, Counter(faults.values())


def _rendering(mailing: Mailing, program: PartsProgram, chunks: Sequence[pa.RecordBatch], clock: Clock) -> float | None:
    """Microseconds a message of one part alone."""
    seconds: list[float] = []
    for chunk in chunks:
        variables = template_variables(mailing, chunk)
        start = clock()
        program.render(variables)
        seconds.append((clock() - start) / chunk.num_rows)
    return 1e6 * statistics.median(seconds[1:]) if seconds else None


def _part(name: str, file: str, program: PartsProgram, microseconds: float | None) -> PartExplanation:
    compiled = program.compiled
    decided = set(compiled.folded) - set(compiled.vectorised)
    return PartExplanation(
        name,
        file,
        _by_file(compiled.vectorised),
        _by_file(compiled.folded),
        tuple(sorted(each for each in compiled.per_distinct if each[:2] not in decided)),
        compiled.fallbacks,
        microseconds,
    )


def _by_file(places: Iterable[tuple[str, int]]) -> Lines:
    found: dict[str, set[int]] = {}
    for file, line in places:
        found.setdefault(file, set()).add(line)
    return {file: tuple(sorted(lines)) for file, lines in found.items()}
