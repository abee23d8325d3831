"""The events of a simulation: read once, looked at, and kept aside on this machine's disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from engine.adapters.connectors import FileConnector
from engine.audience.connector import Refused
from engine.audience.incoming import EVENT, Reading
from engine.campaign.schema import Campaign
from engine.errors import InputError, did_you_mean, near_match
from engine.pipeline.simulation.contract import EVENTS
from engine.pipeline.simulation.program import mentioned, trigger_event, watches

Progress = Callable[[str, int, int | None], None]
"""Hears of a phase, how much of it is done, and of how much if that is known."""
MOST_SHOWN = 20
READING = "reading the events"


class KnownEvents:
    """``names`` are those that some workflow declares or names; ``everything`` that happens concerns one that looks at conditions."""

    def __init__(self, campaigns: Sequence[Campaign]) -> None:
        triggers = {trigger_event(each) for each in campaigns} - {None}
        named = {name for each in campaigns for name in mentioned(each)} | {str(each) for each in triggers}
        self.names = sorted({name for each in campaigns for name in each.events} | named)
        self.everything = any(watches(each) for each in campaigns)
        self._concerning = pa.array(sorted(named), pa.string())
        self._names = pa.array(self.names, pa.string())

    def concerning(self, types: pa.StringArray) -> pa.BooleanArray:
        return pc.is_valid(types) if self.everything else pc.is_in(types, self._concerning)

    def strange(self, types: pa.StringArray) -> pa.StringArray:
        return types.filter(pc.invert(pc.is_in(types, self._names)))


@dataclass(slots=True)
class EventCounts:
    """``read`` are ``refused``, ``before`` and ``after`` the period, of a type that ``concerns_nobody`` (among them ``unknown``), and
    those of the period: of ``strangers``, ``repeated``, and ``used``."""

    read: int = 0
    refused: int = 0
    concerns_nobody: int = 0
    before: int = 0
    after: int = 0
    strangers: int = 0
    repeated: int = 0
    used: int = 0


class EventFile:
    """``first`` is the instant of the first event that concerns somebody, ``kept`` how many do."""

    def __init__(self, path: Path, known: KnownEvents) -> None:
        self._path = path
        self._known = known
        self.counts = EventCounts()
        self.unknown: Counter[str] = Counter()
        self.refused: list[Refused] = []
        self.first: int | None = None
        self.kept = 0

    def read(self, patterns: Sequence[str], progress: Progress) -> None:
        """Read files of events as `mailray ingest events` does. Raises what it raises, InputError (MR876) when none is of use."""
        with ipc.new_file(str(self._path), EVENTS, options=ipc.IpcWriteOptions(compression="lz4")) as file:
            if not patterns:
                return
            for page in FileConnector(patterns, Reading(EVENT)).pages(None):
                self.refused += page.refused[: MOST_SHOWN - len(self.refused)]
                self.counts.refused += len(page.refused)
                self.counts.read += page.rows.num_rows + len(page.refused)
                file.write_batch(self._chosen(page.rows))
                progress(READING, self.counts.read, None)
        if not self.kept and self.counts.read > self.counts.refused:
            name, count = self.unknown.most_common(1)[0] if self.unknown else ("", 0)
            help = f"{count:,} are `{name}`: {did_you_mean(name, self._known.names)}" if name else None
            raise InputError.single("MR876", "no event is of a type that a workflow knows and waits for", help=help)

    def batches(self, start: int, end: int) -> Iterator[pa.RecordBatch]:
        """The events from one instant until before another; the others are counted."""
        self.counts.before = self.counts.after = 0
        with ipc.open_file(str(self._path)) as file:
            for number in range(file.num_record_batches):
                batch = file.get_batch(number)
                at = np.asarray(batch.column("at").view(pa.int64()))
                self.counts.before += int((at < start).sum())
                self.counts.after += int((at >= end).sum())
                yield batch.filter(pa.array((at >= start) & (at < end)))

    def told(self, strangers: int, repeated: int, used: int) -> dict[str, Any]:
        """What became of the events; unknown types with what they may have been meant for."""
        self.counts.strangers, self.counts.repeated, self.counts.used = strangers, repeated, used
        unknown = [
            {"event": name, "count": count, "near": near_match(name, self._known.names)}
            for name, count in self.unknown.most_common(MOST_SHOWN)
        ]
        refused = [{"source": each.source, "line": each.line, "reason": each.reason} for each in self.refused]
        return {**asdict(self.counts), "unknown": unknown, "first_refused": refused}

    def _chosen(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        types = rows.column("event_type")
        for each in self._known.strange(types).value_counts().to_pylist():
            self.unknown[each["values"]] += each["counts"]
        concerning = self._known.concerning(types)
        self.counts.concerns_nobody += rows.num_rows - int(pc.sum(concerning).as_py() or 0)
        rows = rows.filter(concerning)
        self.kept += rows.num_rows
        if rows.num_rows:
            first = pc.min(rows.column("event_time")).cast(pa.int64()).as_py()
            self.first = first if self.first is None else min(self.first, first)
        columns = [rows.column(name) for name in ("user_id", "event_id", "event_type", "event_time", "properties")]
        return pa.RecordBatch.from_arrays(columns, schema=EVENTS)
