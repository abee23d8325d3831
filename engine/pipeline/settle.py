"""What is written in a run's ledger while nobody sends: cancelled messages, and doubts that were settled, by decision or evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from engine.campaign.schema import UnknownPolicy
from engine.delivery.doubts import DoubtRule, Witness, reconcile
from engine.delivery.recovery import recover
from engine.delivery.settlement import cancel, doubtful, resolve
from engine.errors import InputError
from engine.ledger.contract import Ledger, PartitionLedger
from engine.ledger.entries import Entry
from engine.ledger.replay import Standing
from engine.ledger.states import Reason, State
from engine.pipeline.closing import Archive, PlanStore, close_partition

LEASE = 60_000_000  # microseconds: these writes take moments


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message of unknown fate: its delivery key in hexadecimal, when (UTC microseconds) and why it became one, and what came back
    that proves that it was accepted (empty: nothing)."""

    key: str
    step: str
    attempt: int
    at: int
    cause: str
    evidence: str
    address: str


class Settlement:
    """Works on a run's ledger as ``owner`` while the run is held by this process. ``wall`` is UTC microseconds."""

    def __init__(self, ledger: Ledger, plans: PlanStore, archive: Archive, owner: str, wall: Callable[[], int]) -> None:
        self._ledger = ledger
        self._archive = archive
        self._plans = plans
        self._owner = owner
        self._wall = wall

    def cancel(self, partitions: Sequence[int]) -> None:
        """Skip all that may still be sent in these partitions, those included whose delivery was never begun."""
        for number in partitions:
            keys = self._plans.keys(number)
            if keys:
                with self._owned(number) as partition:
                    partition.plan(keys, self._wall())
                    self._append(partition, cancel(partition.replay(), self._wall()))

    def doubts(self, witness: Witness, *, at_work: bool = False) -> Iterator[Doubt]:
        """All messages of unknown fate, by partition and row. Only reads. While somebody is ``at_work`` on the run, an intent is a message
        that is on its way."""
        for number in self._ledger.partitions():
            yield from self._doubts_of(number, witness, at_work)

    def reconcile(self, witness: Witness, rule: DoubtRule) -> Counter[State]:
        """Settle the doubts of which ``witness`` knows, and those for which its time is over; says how many were settled in which way,
        and how many are UNKNOWN still."""
        done: Counter[State] = Counter()
        for number in self._ledger.partitions():
            standing, names = self._read(number)
            rows = doubtful(standing)
            if not rows:
                continue
            told = witness.ask([names[row] for row in rows])
            known = {row: told[names[row]] for row in rows if names[row] in told}
            with self._owned(number) as partition:
                self._append(partition, recover(partition.replay(), UnknownPolicy.RECONCILE, self._wall()).entries)
                settled = reconcile(partition.replay(), known, rule, 0, self._wall()).entries
                self._append(partition, settled)
            done.update(State(entry.state) for entry in settled)
            done[State.UNKNOWN] += len(rows) - len(settled)
        return done

    def resolve(self, keys: Collection[str] | None, resolution: State) -> int:
        """Settle the doubts of these keys, or all (None), and say how many. All or none: raises InputError (MR611) for a key that
        is in no doubt."""
        chosen = {number: self._chosen(number, keys) for number in self._ledger.partitions()}
        known = {key for rows in chosen.values() for key in rows.values()}
        missing = sorted(set(keys or ()) - known)
        if missing:
            raise InputError.single(
                "MR611",
                f"no message in doubt has the key {missing[0]}"
                + (f", nor {len(missing) - 1} more" * (len(missing) > 1)),
                help="`mailray unknown RUN` lists the keys; nothing was changed",
            )
        for number, rows in chosen.items():
            if rows:
                with self._owned(number) as partition:
                    standing = partition.replay()
                    self._append(partition, resolve(standing, sorted(rows), resolution, self._wall()))
        return len(known)

    def _chosen(self, number: int, keys: Collection[str] | None) -> Mapping[int, str]:
        """Doubtful rows of a partition and their keys, of those asked for."""
        standing, names = self._read(number)
        rows = {row: names[row].hex() for row in doubtful(standing)}
        return rows if keys is None else {row: key for row, key in rows.items() if key in keys}

    def _doubts_of(self, number: int, witness: Witness, at_work: bool) -> Iterator[Doubt]:
        standing, keys = self._read(number)
        rows = [row for row in doubtful(standing) if not (at_work and standing.state[row] == State.INTENT)]
        if not rows:
            return
        outbox = self._plans.outbox(number)
        known = witness.ask([keys[row] for row in rows])
        for row in rows:
            last = standing.last[row]
            crashed = standing.state[row] == State.INTENT
            yield Doubt(
                keys[row].hex(),
                outbox.column("step")[row].as_py(),
                int(standing.attempt[row]),
                int(standing.log.at[last]),
                (Reason.CRASH if crashed else Reason(standing.log.reason[last])).name.lower(),
                str(known.get(keys[row], "")),
                outbox.column("address")[row].as_py(),
            )

    def _read(self, number: int) -> tuple[Standing, list[bytes]]:
        partition = self._ledger.partition(number)
        try:
            return partition.replay(), partition.keys()
        finally:
            partition.close()

    @contextmanager
    def _owned(self, number: int) -> Iterator[PartitionLedger]:
        partition = self._ledger.partition(number)
        try:
            now = self._wall()
            partition.claim(self._owner, now, now + LEASE)
            yield partition
            close_partition(number, partition, self._archive)
        finally:
            partition.close()

    def _append(self, partition: PartitionLedger, entries: Sequence[Entry]) -> None:
        if entries:
            partition.append(entries, self._wall() + LEASE)
