"""The messages of all runs, found again by what comes back.

A run writes its outbox before it sends anything; whoever takes feedback reads it from there, so that nothing slows a run and
its workers share no file. The index holds a place for each key (run, partition, row) and no address; it is made from the outbox
when a key is asked for that it does not have yet, and can be deleted while nobody serves.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.plan_packs import PlanPacks
from engine.adapters.stores.run_folder import RunFolder
from engine.adapters.stores.sqlite_file import SqliteFile
from engine.delivery.feedback.contract import Delivery
from engine.delivery.identity import KEY_BYTES, message_ids
from engine.errors import MailrayError

VERSION = 1
RECENT = 1_000
_COLUMNS = ["key", "recipient", "address"]


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What feedback must know of a run: its campaign, the list that it mails, and the secret that signed its tokens."""

    campaign: str
    list: str
    secret: bytes


class RunDeliveries:
    """The runs below one folder. ``identify`` reads a run's identity and raises MailrayError when it cannot."""

    def __init__(self, runs: Path, index: Path, identify: Callable[[RunFolder], RunIdentity]) -> None:
        self._runs = runs
        self._file = SqliteFile(index, "index of messages", "deliveries", VERSION)
        self._identify = identify
        self._known: dict[str, RunIdentity] = {}
        self._whole: set[str] = set()
        self._packs: set[tuple[str, str]] = set()
        self._recent: dict[bytes, Delivery] = {}
        self._mutex = threading.Lock()
        self.faults: dict[str, str] = {}
        """Runs whose messages cannot be found, and why."""

    def find(self, key: bytes) -> Delivery | None:
        recent = self._recent.get(key)
        if recent is None:
            recent = self._find("find", key)
            if recent is not None:
                self._remember(recent)
        return recent

    def find_message_id(self, left: str) -> Delivery | None:
        return self._find("find_message", _short(left))

    def secrets(self) -> list[bytes]:
        """The secrets of all runs, those that began meanwhile among them."""
        self.look_for_runs()
        return list(dict.fromkeys(each.secret for each in self._known.values()))

    def look_for_runs(self) -> None:
        """Read the identity of runs that are new."""
        with self._mutex:
            for folder in self._folders():
                if folder.name in self._known:
                    continue
                try:
                    self._known[folder.name] = self._identify(folder)
                    self.faults.pop(folder.name, None)
                except MailrayError as fault:
                    self.faults[folder.name] = fault.diagnostics[0].message

    def index(self) -> int:
        """Take in what has been planned since; gives the number of messages that are new here."""
        self.look_for_runs()
        return sum(self._index(folder) for folder in self._folders() if folder.name in self._known)

    def close(self) -> None:
        self._file.close()

    def _remember(self, delivery: Delivery) -> None:
        """A request asks for its message more than once, and to read it from its outbox takes two milliseconds."""
        with self._mutex:
            if len(self._recent) >= RECENT:
                self._recent.pop(next(iter(self._recent)))
            self._recent[delivery.key] = delivery

    def _find(self, statement: str, value: object) -> Delivery | None:
        found = self._places(statement, value)
        if not found:
            self.index()
            found = self._places(statement, value)  # whoever took it in: another thread may have been quicker
        deliveries = (self._delivery(*each) for each in found)
        return next((each for each in deliveries if each is not None), None)

    def _places(self, statement: str, value: object) -> list[Any]:
        with self._file.transaction("DEFERRED") as connection:
            return connection.execute(self._file.statement(statement), (value,)).fetchall()

    def _delivery(self, key: bytes, run: str, partition: int, row: int) -> Delivery | None:
        """The message from its outbox, or None when the run's folder is no longer there."""
        if run not in self._known:
            self.look_for_runs()
        identity = self._known.get(run)
        if identity is None:
            return None
        found = PlanFiles(self._runs / run).message(partition, row, _COLUMNS)
        if found is None or found["key"] != key:
            return None
        return Delivery(key, run, identity.campaign, identity.list, found["recipient"], found["address"])

    def _folders(self) -> Iterator[RunFolder]:
        if not self._runs.is_dir():
            return
        for path in sorted(self._runs.iterdir()):
            folder = RunFolder(path)
            if folder.has("manifest.json"):
                yield folder

    def _index(self, folder: RunFolder) -> int:
        if folder.name in self._whole:
            return 0
        plan, packs = PlanFiles(folder.path), PlanPacks(folder.path)
        finished = "plan" in folder.read_json("manifest.json")
        added = self._take_in(folder.name, plan.unpacked(), plan)
        for name in packs.names():  # of a live run, whose partitions are more than one wants to look at each time
            if (folder.name, name) not in self._packs:
                added += self._take_in(folder.name, packs.read(name).numbers.tolist(), plan)
                self._packs.add((folder.name, name))
        if finished:
            self._whole.add(folder.name)
        return added

    def _take_in(self, run: str, numbers: Sequence[int], plan: PlanFiles) -> int:
        if not numbers:
            return 0
        between = (run, min(numbers), max(numbers))
        with self._file.transaction("DEFERRED") as connection:
            there = {number for (number,) in connection.execute(self._file.statement("batches"), between)}
        return sum(self._add(run, number, plan) for number in numbers if number not in there)

    def _add(self, run: str, number: int, plan: PlanFiles) -> int:
        keys = plan.keys(number)
        names = message_ids(self._known[run].secret, pa.array(keys, pa.binary(KEY_BYTES))).to_pylist() if keys else []
        with self._file.transaction() as connection:
            added = connection.execute(self._file.statement("add_batch"), (run, number)).fetchone()
            if added is None:  # another process was here first
                return 0
            rows = [(key, _short(name), added[0], row) for row, (key, name) in enumerate(zip(keys, names, strict=True))]
            connection.executemany(self._file.statement("add"), sorted(rows))
        return len(rows)


def _short(message_id: str) -> int:
    """8 bytes that a Message-ID is looked up by: its letters are a MAC's, but a stranger may ask for any."""
    return int.from_bytes(hashlib.blake2b(message_id.lower().encode(), digest_size=8).digest(), "big", signed=True)
