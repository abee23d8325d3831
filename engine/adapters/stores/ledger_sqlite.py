"""The embedded ledger: one SQLite file a partition, so that delivery processes never wait for each other's lock.

WAL with synchronous=FULL: a commit is on the disk when it returns (with NORMAL a power failure may undo it,
https://www.sqlite.org/pragma.html#pragma_synchronous). SQLite itself has no checksums over rows: each batch of entries
carries one, chained, and whoever reads the log verifies it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.adapters.stores.disk_sync import sync
from engine.adapters.stores.ledger_sqlite_appender import PromptAppender
from engine.adapters.stores.ledger_sqlite_file import create, lay
from engine.adapters.stores.owner_lock import OwnerLock
from engine.adapters.stores.statements import statement
from engine.errors import FileAccessError, InputError, MailrayError, Place, TryAgainError
from engine.ledger.chain import verify_keys
from engine.ledger.contract import Appender, ThreadAppender, refuse_claim, refuse_plan, refuse_stale
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry, Log, digest_of
from engine.ledger.packing import chained, counted, pack, unpack
from engine.ledger.replay import Standing, damaged, replay
from engine.ledger.tally import Tally

VERSION = 1
BUSY_SECONDS = 10.0
LEASE_STEP = 1_000_000  # microseconds
TOGETHER = 2_048  # groups in memory at a time
KEY = 16  # octets of a delivery key
BALLAST = 1 << 20
"""Octets that a full disk gets back, so that what is known of messages on the wire can still be written."""
_SUFFIX = ".sqlite"
_DURABLE = ("synchronous = FULL", "wal_autocheckpoint = 1000")
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PASSING = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class SqlitePartition:
    """One file. Its connection may be used from any thread, by one at a time."""

    def __init__(self, path: Path, number: int) -> None:
        self._path = path
        self._number = number
        self._place = Place(str(path))
        self._mutex = threading.Lock()
        self._lock: OwnerLock | None = None
        self._ballast = path.with_suffix(".ballast")
        self._epoch: int | None = None
        self._tally: Tally | None = None
        self._chain = 0
        self._groups = 0
        self._lease_until = 0
        self._fault: MailrayError | None = None
        with self._faults():
            if not path.exists():
                create(path, VERSION)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=128
            )
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise

    def claim(self, owner: str, now: int, lease_until: int) -> int:
        with self._mutex, self._transaction():
            epoch, holder, held_until = self._lease()
            self._take_lock(holder, expired=held_until <= now)
            self._run("claim", owner, lease_until, epoch)
            self._lay_ballast()
        self._epoch, self._lease_until = epoch + 1, lease_until
        self._tally = None
        return self._epoch

    def plan(self, keys: Sequence[bytes], now: int) -> None:
        digest = digest_of(keys)
        with self._mutex, self._transaction():
            self._refuse_stale()
            planned = self._row("read_plan")
            if planned is None:
                self._run("plan", len(keys), now, digest, b"".join(keys))
                self._tally = None
            elif (planned[0], planned[2]) != (len(keys), digest):
                raise refuse_plan(self._number)

    def append(self, entries: Sequence[Entry], lease_until: int) -> None:
        with self._mutex:
            if self._fault is not None:
                raise self._fault
            if self._tally is None:
                self._tally = self._read().tally()
            tally = self._tally
            left = tally.enter_all(entries)
            try:
                end = self._write(entries, lease_until)
            except BaseException:
                tally.take_back(entries, left)
                raise
            self._chain = end
            self._groups += 1 if entries else 0

    def appender(self, executor: Executor) -> Appender:
        """Without a thread where the system can sync without one."""
        try:
            return PromptAppender(self, executor)
        except OSError:
            return ThreadAppender(self, executor)

    def leave_syncing(self) -> int:
        """From now on an append does not wait for the disk: whoever asked for it syncs what this gives, a descriptor of the WAL.

        SQLite still syncs where the file would be damaged without (synchronous=NORMAL), which is around a checkpoint; and those are
        for ``settle`` alone.
        """
        with self._mutex, self._faults():
            self._pragmas("synchronous = NORMAL", "wal_autocheckpoint = 0")
            messages, *_ = self._row("read_plan") or (0,)
        wal = os.open(f"{self._path}-wal", os.O_RDWR | os.O_CLOEXEC)
        lay(wal, messages)
        return wal

    def settle(self, wal: int) -> None:
        """Sync the WAL, and move what is in it to where it belongs."""
        with self._mutex:
            try:
                os.fdatasync(wal)
            except OSError as fault:
                raise self.lost(fault) from fault
            with self._faults():
                self._run("checkpoint")

    def resume_syncing(self, wal: int) -> None:
        os.close(wal)
        with self._mutex, self._faults():
            self._pragmas(*_DURABLE)

    def lost(self, fault: OSError) -> MailrayError:
        """A sync has failed: what was written since the last one may be lost, and a later sync would not tell. Nothing more is written."""
        self._fault = FileAccessError.single(
            "MR609", f"the ledger cannot be used: {fault.strerror or fault}", place=self._place
        )
        return self._fault

    def release(self) -> None:
        with self._mutex:
            epoch, self._epoch = self._epoch, None
            try:
                if epoch is not None:
                    with self._transaction():
                        end = self._row("read_end") if self._tally is None else (self._groups, self._chain)
                        self._run("renew", 0, *end, epoch)
            finally:
                self._drop_lock()

    def keys(self) -> list[bytes]:
        with self._mutex, self._faults():
            planned = self._row("read_plan")
            if planned is None:
                return []
            (content,) = self._row("read_keys")
            keys = [content[start : start + KEY] for start in range(0, len(content), KEY)]
            verify_keys(keys, planned[0], planned[2], self._place)
            return keys

    def replay(self) -> Standing:
        with self._mutex:
            standing = self._read()
            self._tally = standing.tally()
            return standing

    def counts(self) -> Counts:
        """Messages by state, ten times as fast as a replay, which alone verifies the entries."""
        with self._mutex, self._transaction("DEFERRED"):
            messages, *_ = self._row("read_plan") or (0,)
            return counted(self._records(), messages, self._place)

    def _records(self) -> Iterator[bytes]:
        groups = self._run("read_records")
        while few := groups.fetchmany(TOGETHER):
            yield b"".join(records for (records,) in few)

    def close(self) -> None:
        try:
            self.release()
        finally:
            self._connection.close()

    def _open(self) -> None:
        self._pragmas("journal_mode = WAL", "fullfsync = ON", *_DURABLE)
        version = self._version()
        if version == 0:
            raise damaged(self._place, "the file is empty")
        if version > VERSION:
            raise InputError.single(
                "MR607",
                f"the ledger was written by a newer mailray (format {version})",
                place=self._place,
                help="upgrade mailray",
            )

    def _pragmas(self, *pragmas: str) -> None:
        for pragma in pragmas:
            self._connection.execute(f"PRAGMA {pragma}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _read(self) -> Standing:
        """All entries, verified; the end of the checksums' chain is kept for the next append.

        A page that has lost its last rows is for SQLite to see: the chain is whole without them.
        """
        with self._transaction("DEFERRED"):
            messages, planned_at = (self._row("read_plan") or (0, 0))[:2]
            known = self._row("read_end")
            if (found := self._row("check")[0]) != "ok":
                raise damaged(self._place, found)
            ends, logs = [0], list[Log]()
            groups = self._run("read_groups")
            while few := groups.fetchmany(TOGETHER):
                logs.append(unpack(few, ends[-1], self._place))
                ends += [end for _, _, end in few]
        if known[0] >= len(ends) or ends[known[0]] != known[1]:
            raise damaged(self._place, "entries are missing at the end")
        self._groups, self._chain = len(ends) - 1, ends[-1]
        return replay(messages, planned_at, Log.joined(logs), self._place)

    def _take_lock(self, holder: str, *, expired: bool) -> None:
        """The owner's lock shows that an owner has died before its lease runs out."""
        self._drop_lock()
        path = self._path.with_suffix(".lock")
        self._lock = OwnerLock.take(path) or (OwnerLock.replace(path) if expired else None)
        if self._lock is None:
            raise refuse_claim(self._number, holder)

    def _lay_ballast(self) -> None:
        """Room is kept while there is some. Who finds none begins nothing: raises TryAgainError."""
        try:
            with self._ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, BALLAST)
        except OSError as fault:
            self._drop_lock()
            raise self._no_room(fault.strerror or str(fault)) from fault

    def _drop_lock(self) -> None:
        if self._lock is not None:
            self._ballast.unlink(missing_ok=True)
            self._lock.drop()
            self._lock = None

    def _refuse_stale(self) -> None:
        """Nothing is written under an epoch that has passed."""
        if self._lease()[0] != self._epoch:
            raise refuse_stale(self._number)

    def _lease(self) -> tuple[int, str, int]:
        """Epoch, owner, and the end of the lease."""
        match self._row("read_lease"):
            case (int(epoch), str(owner), int(held_until)):
                return epoch, owner, held_until
        raise damaged(self._place, "its lease cannot be read")

    def _write(self, entries: Sequence[Entry], lease_until: int) -> int:
        """Write a group, and give the end of the checksums' chain. A commit that need not touch the lease's page is a quarter cheaper, so
        a lease moves by seconds only, and knows how far the entries went by then. A group is one statement otherwise."""
        records, texts = pack(entries)
        end = chained(records, texts, self._chain)
        group = (self._groups + 1, records, texts, end, self._epoch)
        if entries and abs(lease_until - self._lease_until) < LEASE_STEP:
            with self._faults():
                written = self._run("append", *group).rowcount
            if not written:
                raise refuse_stale(self._number)
            return end
        with self._transaction():
            self._refuse_stale()
            if entries:
                self._run("append", *group)
            self._run("renew", lease_until, self._groups + bool(entries), end, self._epoch)
        self._lease_until = lease_until
        return end

    def _run(self, name: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(statement("ledger", name), values)

    def _row(self, name: str) -> Any:
        return self._run(name).fetchone()

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        with self._faults():
            self._connection.execute(f"BEGIN {kind}")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as fault:
            raise self._translate(fault) from fault

    def _translate(self, fault: sqlite3.Error | UnicodeDecodeError) -> MailrayError:
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED or "decode" in str(fault):
            return damaged(self._place, str(fault))
        if code == sqlite3.SQLITE_FULL and self._lock is not None:
            # The journal tries once more, with what is known of messages on the wire.
            self._ballast.unlink(missing_ok=True)
        if code in _PASSING:
            return self._no_room(str(fault))
        return FileAccessError.single("MR609", f"the ledger cannot be used: {fault}", place=self._place)

    def _no_room(self, reason: str) -> TryAgainError:
        return TryAgainError.single(
            "MR608",
            f"the ledger cannot be written now: {reason}",
            place=self._place,
            help="make room on the disk or end the program that locks the file, then `mailray resume`",
        )


class SqliteLedger:
    """The files of a run in one folder, which is made when it does not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def partitions(self) -> Sequence[int]:
        return sorted(int(path.stem) for path in self._folder.glob(f"*{_SUFFIX}"))

    def partition(self, number: int) -> SqlitePartition:
        if not self._folder.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            sync(self._folder.parent)
        return SqlitePartition(self._folder / f"{number:05d}{_SUFFIX}", number)

    def remove(self, number: int) -> None:
        """Take a partition away of which all is kept elsewhere."""
        path = self._folder / f"{number:05d}{_SUFFIX}"
        for each in (path.with_suffix(".lock"), path):  # a file that is gone before its lock would be missed
            each.unlink(missing_ok=True)

    def counts(self) -> Counts:
        return Counts.total(map(self._count, self.partitions()))

    def _count(self, number: int) -> Counts:
        partition = self.partition(number)
        try:
            return partition.counts()
        finally:
            partition.close()
