"""A run: freeze, plan, deliver, account. Each phase leaves its result on record, so a run that was killed goes on where it stood."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from engine.audience.columns import check_keys, conform
from engine.audience.frozen import AudienceStore, Frozen
from engine.audience.partitions import Partition, in_blocks, partitions
from engine.audience.source import Source
from engine.campaign.schema import Duplicates
from engine.conditions import ConditionSet
from engine.errors import InputError, MissingInputError
from engine.monitoring import Stages
from engine.pipeline.counts import PlanCounts
from engine.pipeline.definition import PlanDefinition
from engine.pipeline.records import MANIFEST
from engine.pipeline.work import DeliveryRest, DeliveryWork, PartitionDelivery, PartitionPlan, Runner


class Record(Protocol):
    """Where a run keeps what it knows of itself."""

    def write_json(self, name: str, values: Mapping[str, Any]) -> None: ...

    def read_json(self, name: str) -> dict[str, Any]: ...


class PlanStore(Protocol):
    """Where the planned partitions are."""

    def result(self, number: int) -> dict[str, Any] | None: ...


class Observer(Protocol):
    """Who watches a run, for example a progress display."""

    def phase(self, name: str, total: int) -> None:
        """A phase begins in which ``total`` rows are to be done."""

    def done(self, rows: int, counts: Mapping[str, int]) -> None:
        """So many rows of the phase are done in all, with counts by outcome."""

    def resting(self, counts: Mapping[str, int], until: int) -> None:
        """Nothing can be done before an instant (UTC microseconds); told again and again until then."""


def no_rest(_: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Selection:
    """What to read of a source: the rows for which ``filter`` (of a pushdown) and ``rest`` (evaluated here) hold."""

    source: Source
    filter: Any
    rest: ConditionSet | None
    suppressed: Iterable[pa.StringArray]

    def batches(self, schema: pa.Schema, key: str) -> Iterator[pa.RecordBatch]:
        """The selected rows with the columns of ``schema``. Raises InputError for a recipient without a ``key``."""
        for batch in conform(self.source.batches(schema.names, self.filter), schema):
            check_keys(batch, key, self.source.name)
            yield batch if self.rest is None else batch.filter(pa.array(self.rest.evaluate(batch)["where"]))


class CampaignRun:
    """The phases of one run over its stores. Everything that could fail before the first message is done before the first message.

    ``proceed`` is called again and again before anything is sent, and raises when the run must not go on. ``closed`` says whether a
    partition's ledger has been closed before: it is looked at again all the same, but after those that may have something to send.
    """

    def __init__(
        self,
        definition: PlanDefinition,
        record: Record,
        audience: AudienceStore,
        plans: PlanStore,
        stages: Stages,
        observer: Observer,
        proceed: Callable[[], None],
        closed: Callable[[int], bool],
    ) -> None:
        self._definition = definition
        self._record = record
        self._audience = audience
        self._plans = plans
        self._stages = stages
        self._observer = observer
        self._proceed = proceed
        self._closed = closed

    def freeze(self, selection: Selection) -> Frozen:
        """Read the source once, as of one moment, and keep what was selected. Raises MissingInputError when nobody was."""
        manifest = self._record.read_json(MANIFEST)
        if "audience" in manifest:
            return Frozen(**manifest["audience"])
        with selection.source.snapshot():
            total = selection.source.count()
            rows, digest = self._freeze(selection, total)
        if rows == 0:
            raise MissingInputError.single(
                "MR355",
                f"nobody was selected from {selection.source.name}, which has {total:,} rows",
                help="look at audience.where" if total else "is it the right file, query or store?",
            )
        if self._definition.campaign.audience.duplicates is Duplicates.ERROR:
            self._refuse_duplicates(rows)
        frozen = Frozen(total, rows, digest)
        self._record.write_json(
            MANIFEST, {**manifest, "audience": {"source_rows": total, "rows": rows, "digest": digest}}
        )
        return frozen

    def _freeze(self, selection: Selection, total: int) -> tuple[int, str]:
        self._observer.phase("audience", total)
        schema = self._definition.audience
        with self._stages.timed("audience", total):
            batches = selection.batches(schema, self._definition.campaign.audience.key)
            return self._audience.freeze(in_blocks(self._watched(batches), schema), schema, selection.suppressed)

    def plan(self, runner: Runner, frozen: Frozen) -> tuple[PlanCounts, Sequence[PartitionPlan]]:
        """Plan the partitions that have not been planned yet; the digest of the whole outbox goes on record."""
        slices = partitions(frozen.rows, self._definition.campaign.capacity.partition_rows)
        self._observer.phase("plan", frozen.rows)
        plans: dict[int, PartitionPlan] = {}
        counts = PlanCounts()
        for plan in self._planned(runner, slices):
            self._proceed()
            plans[plan.number] = plan
            counts.add(PlanCounts.from_dict(plan.counts))
            self._stages.merge(plan.stages)
            self._observer.done(counts.recipients, {"messages": counts.messages})
        ordered = [plans[each.number] for each in slices]
        outbox = hashlib.sha256("".join(digest for plan in ordered for digest in plan.digests).encode()).hexdigest()
        manifest = self._record.read_json(MANIFEST)
        self._record.write_json(MANIFEST, {**manifest, "plan": {"counts": counts.as_dict(), "outbox_digest": outbox}})
        return counts, ordered

    def deliver(
        self,
        runner: Runner,
        plans: Sequence[PartitionPlan],
        most: int | None,
        rest: Callable[[int], bool] = no_rest,
    ) -> None:
        """Deliver what the ledger does not know to be at its end.

        ``rest`` is called while messages wait to be due: it waits, no longer than until that instant (UTC microseconds), and says
        whether to go on.
        """
        works = sorted(_works(plans, most), key=lambda work: self._closed(work.number))
        self._observer.phase("deliver", sum(plan.messages for plan in plans))
        counts: dict[int, Mapping[str, int]] = {}
        for event in runner.deliver(works):
            if isinstance(event, DeliveryRest):
                self._observer.resting(sum((Counter(each) for each in counts.values()), Counter()), event.until)
                if not rest(event.until):
                    return
                continue
            counts[event.number] = event.counts
            if isinstance(event, PartitionDelivery):
                self._stages.merge(event.stages)
            total = sum((Counter(each) for each in counts.values()), Counter())
            self._observer.done(total.total() - total["planned"] - total["intent"], total)

    def _planned(self, runner: Runner, slices: Sequence[Partition]) -> Iterable[PartitionPlan]:
        missing = []
        for each in slices:
            result = self._plans.result(each.number)
            if result is None:
                missing.append(each)
            else:
                yield PartitionPlan(each.number, result["counts"], result["digests"], {})
        yield from runner.plan(missing)

    def _watched(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self._proceed()
            yield batch

    def _refuse_duplicates(self, rows: int) -> None:
        for first, block, marks in self._audience.blocks(0, rows):
            if marks.duplicate.any():
                index = [int(each) for each in marks.duplicate.nonzero()[0][:5]]
                keys = block.column(self._definition.campaign.audience.key).take(pa.array(index)).to_pylist()
                shown = ", ".join(f"row {first + row} (key {key})" for row, key in zip(index, keys, strict=True))
                raise InputError.single(
                    "MR356",
                    f"the audience has recipients twice: {shown}",
                    help="make keys and addresses unique, or say `duplicates: keep_first`",
                )


def _works(plans: Sequence[PartitionPlan], most: int | None) -> list[DeliveryWork]:
    works, left = [], most
    for plan in plans:
        if not plan.messages:
            continue
        here = None if left is None else min(left, plan.messages)
        works.append(DeliveryWork(plan.number, plan.messages, here))
        left = None if left is None else left - (here or 0)
    return works
