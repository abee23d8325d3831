"""What only the ledger in files can suffer: damage, a full disk, another program's hands."""

import asyncio
import errno
import os
import platform
import random
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engine.adapters.stores import ledger_sqlite_appender
from engine.adapters.stores.disk_sync import DiskSync
from engine.adapters.stores.ledger_sqlite import BALLAST, SqliteLedger, SqlitePartition
from engine.adapters.stores.ledger_sqlite_appender import PromptAppender
from engine.adapters.stores.ledger_sqlite_file import LAID_FROM, OCTETS_OF_ONE
from engine.errors import FileAccessError, InputError, MailrayError, TryAgainError
from engine.ledger.contract import Appender, ThreadAppender
from engine.ledger.entries import Entry
from engine.ledger.states import State

NOW = 1_800_000_000_000_000
LEASE = 660_000_000
ROWS = 40
KEYS = [bytes([row]) * 16 for row in range(ROWS)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of some hundred entries in many batches."""
    partition = SqliteLedger(tmp_path).partition(0)
    partition.claim("one", NOW, NOW + LEASE)
    partition.plan(KEYS, NOW)
    for row in range(ROWS):
        partition.append([Entry(row, State.INTENT.value, 1, NOW + row)], NOW + LEASE)
        accepted = Entry(row, State.ACCEPTED.value, 1, NOW + row, 0, 0, 250, "2.0.0", "accepted", f"queue-id-{row}")
        partition.append([accepted], NOW + LEASE)
    partition.close()
    return tmp_path


def code(raised: pytest.ExceptionInfo[MailrayError]) -> str:
    return raised.value.diagnostics[0].code


def take_up(folder: Path) -> list[int]:
    """What a resuming delivery would read, by the same steps; the states."""
    partition = SqliteLedger(folder).partition(0)
    try:
        partition.claim("two", NOW, NOW + LEASE)
        partition.plan(KEYS, NOW)
        states: list[int] = partition.replay().state.tolist()
        return states
    finally:
        partition.close()


def test_the_files_alone_tell_everything(folder: Path) -> None:
    assert [path.name for path in sorted(folder.iterdir())] == ["00000.lock", "00000.sqlite"]
    with closing(sqlite3.connect(folder / "00000.sqlite")) as connection:
        assert connection.execute("SELECT count(*), max(number) FROM batch").fetchone() == (80, 80)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert take_up(folder) == [State.ACCEPTED] * ROWS


def test_a_commit_is_on_the_disk(folder: Path) -> None:
    partition = SqliteLedger(folder).partition(0)
    assert partition._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert partition._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    partition.close()


def test_a_newer_format_is_refused(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "00000.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(InputError, match="newer") as raised:
        SqliteLedger(folder).partition(0)
    assert code(raised) == "MR607"


@pytest.mark.parametrize("content", [b"this is no ledger " * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "00003.sqlite").write_bytes(content)
    with pytest.raises(InputError) as raised:
        SqliteLedger(tmp_path).partition(3)
    assert code(raised) == "MR604"
    assert "00003.sqlite" in str(raised.value)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE batch SET records = zeroblob(length(records)) WHERE number = 10",
        "UPDATE batch SET texts = CAST('2.0.1acceptedqueue-id-4' AS BLOB) WHERE number = 10",
        "UPDATE batch SET records = substr(records, 1, 41) WHERE number = 80",
        "UPDATE batch SET records = NULL WHERE number = 10",
        "UPDATE batch SET records = texts, texts = records WHERE number = 10",
        "UPDATE batch SET records = '' WHERE number = 10",
        "UPDATE batch SET checksum = checksum + 1 WHERE number = 10",
        "DELETE FROM batch WHERE number = 80",
        "DELETE FROM batch WHERE number = 10",
        "DELETE FROM batch WHERE number > 40",
        "DELETE FROM batch",
        "INSERT INTO batch SELECT 81, epoch, checksum, records, texts FROM batch WHERE number = 1",
    ],
)
def test_a_changed_history_is_refused(folder: Path, harm: str) -> None:
    with closing(sqlite3.connect(folder / "00000.sqlite")) as connection:
        connection.executescript(_loosened(harm))
    with pytest.raises(InputError) as raised:
        take_up(folder)
    assert code(raised) == "MR604"


def _loosened(harm: str) -> str:
    """NOT NULL stands in the way of some harm that a flipped bit can do."""
    if "NULL" not in harm:
        return harm
    return f"CREATE TABLE b AS SELECT * FROM batch; DROP TABLE batch; ALTER TABLE b RENAME TO batch; {harm}"


def test_keys_that_were_changed_are_refused(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "00000.sqlite")) as connection:
        connection.execute("UPDATE plan SET keys = ?", (b"".join(KEYS).replace(b"\3", b"\4"),))
        connection.commit()
    partition = SqliteLedger(folder).partition(0)
    with pytest.raises(InputError) as raised:
        partition.keys()
    assert code(raised) == "MR604"
    partition.close()


def harmed(folder: Path, whole: bytes) -> list[int] | None:
    """The states that a harmed file yields, or None when it is refused."""
    for path in folder.iterdir():
        path.unlink()
    (folder / "00000.sqlite").write_bytes(whole)
    try:
        return take_up(folder)
    except MailrayError:
        return None


def test_a_file_that_is_gone_is_not_begun_anew(folder: Path) -> None:
    (folder / "00000.sqlite").unlink()
    with pytest.raises(InputError, match="gone") as raised:
        SqliteLedger(folder).partition(0)
    assert code(raised) == "MR604"


def test_no_truncation_forgets_what_was_accepted(folder: Path) -> None:
    whole = (folder / "00000.sqlite").read_bytes()
    for length in [*range(0, 200, 7), *range(200, len(whole), 509), len(whole) - 1]:
        assert harmed(folder, whole[:length]) in (None, [State.ACCEPTED] * ROWS), length


def test_no_flipped_bit_forgets_what_was_accepted(folder: Path) -> None:
    whole = (folder / "00000.sqlite").read_bytes()
    luck = random.Random(7)
    bits = [luck.randrange(len(whole) * 8) for _ in range(500)] + list(range(0, 800, 3))
    for bit in bits:
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        assert harmed(folder, bytes(flipped)) in (None, [State.ACCEPTED] * ROWS), bit


def test_a_full_disk_stops_writing_and_what_stands_there_stays(folder: Path) -> None:
    partition = SqliteLedger(folder).partition(1)
    partition.claim("one", NOW, NOW + LEASE)
    partition.plan(KEYS, NOW)
    (pages,) = partition._connection.execute("PRAGMA page_count").fetchone()
    partition._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    many = [Entry(row, State.INTENT.value, 1, NOW, detail="x" * 500) for row in range(ROWS)]
    with pytest.raises(TryAgainError) as raised:
        partition.append(many, NOW + LEASE)
    assert code(raised) == "MR608"
    assert partition.replay().counts()[State.PLANNED] == ROWS
    partition._connection.execute("PRAGMA max_page_count = 1000000")
    partition.append(many, NOW + LEASE)
    assert partition.replay().counts()[State.INTENT] == ROWS
    partition.close()


def test_a_full_disk_gets_room_back_for_what_is_on_the_wire(folder: Path) -> None:
    partition = SqliteLedger(folder).partition(1)
    ballast = folder / "00001.ballast"
    partition.claim("one", NOW, NOW + LEASE)
    assert ballast.stat().st_blocks * 512 >= BALLAST  # room that is taken, not only promised
    partition.plan(KEYS, NOW)
    (pages,) = partition._connection.execute("PRAGMA page_count").fetchone()
    partition._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(TryAgainError):
        partition.append([Entry(row, State.INTENT.value, 1, NOW, detail="x" * 500) for row in range(ROWS)], NOW + LEASE)
    assert not ballast.exists()
    partition.release()
    partition.claim("two", NOW, NOW + LEASE)
    assert ballast.exists()
    partition.close()
    assert [path.name for path in folder.iterdir() if path.suffix == ".ballast"] == []


def test_without_any_room_nothing_is_begun(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    partition = SqliteLedger(folder).partition(1)
    with pytest.raises(TryAgainError) as raised:
        partition.claim("one", NOW, NOW + LEASE)
    assert (code(raised), raised.value.exit_code) == ("MR608", 75)
    monkeypatch.undo()
    assert partition.claim("one", NOW, NOW + LEASE) == 1
    partition.close()


def test_a_reader_reads_while_the_owner_writes(folder: Path) -> None:
    owner = SqliteLedger(folder).partition(2)
    owner.claim("one", NOW, NOW + LEASE)
    owner.plan(KEYS, NOW)
    reader = SqliteLedger(folder)
    for row in range(ROWS):
        owner.append([Entry(row, State.INTENT.value, 1, NOW)], NOW + LEASE)
        assert reader.counts()[State.INTENT] == row + 1
    owner.close()


@contextmanager
def appending(partition: SqlitePartition) -> Iterator[Appender]:
    """To be used in an event loop, by the owner."""
    with ThreadPoolExecutor(1) as executor:
        appender = partition.appender(executor)
        try:
            yield appender
        finally:
            appender.close()


def owned(folder: Path) -> SqlitePartition:
    partition = SqliteLedger(folder).partition(1)
    partition.claim("one", NOW, NOW + LEASE)
    partition.plan(KEYS, NOW)
    return partition


def intent(row: int) -> list[Entry]:
    return [Entry(row, State.INTENT.value, 1, NOW)]


@pytest.mark.parametrize(("machine", "kind"), [(platform.machine(), PromptAppender), ("unheard of", ThreadAppender)])
def test_an_event_loop_appends_with_and_without_a_thread(
    folder: Path, monkeypatch: pytest.MonkeyPatch, machine: str, kind: type[Appender]
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    partition, other = owned(folder), SqliteLedger(folder).partition(1)

    async def append() -> None:
        with appending(partition) as appender:
            assert isinstance(appender, kind)
            for row in range(ROWS):
                await appender(intent(row), NOW + LEASE)
                assert other.replay().counts()[State.INTENT] == row + 1
            with pytest.raises(MailrayError) as raised:
                await appender(intent(0), NOW + LEASE)
            assert code(raised) == "MR606"

    asyncio.run(append())
    assert partition._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    partition.append([Entry(0, State.ACCEPTED.value, 1, NOW)], NOW + LEASE)
    assert partition.replay().counts().as_dict() == {"intent": ROWS - 1, "accepted": 1}
    other.close()
    partition.close()


def test_what_an_event_loop_appends_is_moved_from_the_wal_from_time_to_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_sqlite_appender, "SETTLED_EVERY", 3)
    partition = owned(folder)

    async def append() -> None:
        with appending(partition) as appender:
            for row in range(10):
                await appender(intent(row), NOW + LEASE)

    asyncio.run(append())
    with closing(sqlite3.connect(f"file:{folder / '00001.sqlite'}?immutable=1", uri=True)) as without_wal:
        assert without_wal.execute("SELECT count(*) FROM batch").fetchone() == (9,)
    partition.close()


def test_a_wal_that_was_laid_holds_no_more_than_was_written(folder: Path) -> None:
    partition = SqliteLedger(folder).partition(1)
    partition.claim("one", NOW, NOW + LEASE)
    partition.plan([row.to_bytes(16, "big") for row in range(LAID_FROM)], NOW)

    async def append() -> None:
        with appending(partition) as appender:
            before = (folder / "00001.sqlite-wal").stat().st_size
            assert before > LAID_FROM * OCTETS_OF_ONE
            for row in range(ROWS):
                await appender(intent(row), NOW + LEASE)
            assert (folder / "00001.sqlite-wal").stat().st_size == before
            for suffix in ("", "-wal"):  # as a machine that lost its power has them
                shutil.copy(folder / f"00001.sqlite{suffix}", folder / f"00002.sqlite{suffix}")

    asyncio.run(append())
    partition.close()
    left = SqliteLedger(folder).partition(2)
    assert left.replay().counts().as_dict() == {"intent": ROWS, "planned": LAID_FROM - ROWS}
    left.claim("two", NOW + LEASE, NOW + 2 * LEASE)
    left.append(intent(ROWS), NOW + 2 * LEASE)
    assert left.replay().counts()[State.INTENT] == ROWS + 1
    left.close()


def test_after_a_sync_that_failed_nothing_is_written(folder: Path) -> None:
    partition, descriptors = owned(folder), os.pipe()

    async def append() -> None:
        sync = DiskSync(descriptors[1], partition.lost)  # a pipe cannot be synced
        with pytest.raises(FileAccessError) as raised:
            await sync()
        sync.close()
        assert code(raised) == "MR609"

    asyncio.run(append())
    with pytest.raises(FileAccessError, match="Invalid argument"):
        partition.append(intent(0), NOW + LEASE)
    assert partition.replay().counts()[State.PLANNED] == ROWS
    partition.close()
    for descriptor in descriptors:
        os.close(descriptor)
