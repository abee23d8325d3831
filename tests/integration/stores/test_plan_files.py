"""Planned partitions on disk: whole or not at all, and digests that know nothing of partitions."""

from pathlib import Path

import pyarrow as pa
import pytest

from engine.adapters.stores.plan_files import PlanFiles

Block = tuple[pa.RecordBatch, pa.RecordBatch]


def block(first: int, messages: int) -> Block:
    verdicts = pa.record_batch({"row": pa.array(range(first, first + 10)), "verdict": pa.array(["eligible"] * 10)})
    outbox = pa.record_batch(
        {
            "row": pa.array(range(first, first + messages), pa.int64()),
            "address": pa.array([f"u{first + n}@example.com" if n % 3 else None for n in range(messages)], pa.string()),
            "field:tags": pa.array([[f"t{n}"] if n % 2 else None for n in range(messages)], pa.list_(pa.string())),
        }
    )
    return verdicts, outbox


BLOCKS = [block(0, 7), block(10, 0), block(20, 3), block(30, 9)]


def test_a_blocks_digest_does_not_depend_on_its_partition(tmp_path: Path) -> None:
    together = PlanFiles(tmp_path / "a").write(0, BLOCKS)
    apart = [PlanFiles(tmp_path / "b").write(number, [each])[0] for number, each in enumerate(BLOCKS)]
    assert together == apart
    assert len(set(together)) == 4


def test_a_digest_changes_with_any_value(tmp_path: Path) -> None:
    verdicts, outbox = block(0, 7)
    changed = outbox.set_column(1, "address", pa.array([*outbox.column("address").to_pylist()[:-1], "x@example.com"]))
    digests = {PlanFiles(tmp_path / str(n)).write(0, [(verdicts, each)])[0] for n, each in enumerate((outbox, changed))}
    assert len(digests) == 2


def test_what_was_written_is_read_in_order(tmp_path: Path) -> None:
    files = PlanFiles(tmp_path)
    files.write(3, BLOCKS)
    assert files.outbox(3).column("row").to_pylist() == [*range(7), *range(20, 23), *range(30, 39)]
    assert files.verdicts(3).num_rows == 40


def test_a_partition_without_messages_has_an_empty_outbox(tmp_path: Path) -> None:
    files = PlanFiles(tmp_path)
    assert files.write(0, [block(0, 0)]) == [""]
    assert files.outbox(0).num_rows == 0
    assert files.outbox(0).schema.names == ["row", "address", "field:tags"]


def test_a_failed_partition_leaves_nothing(tmp_path: Path) -> None:
    files = PlanFiles(tmp_path)

    def failing():
        yield BLOCKS[0]
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError):
        files.write(0, failing())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert files.result(0) is None


def test_a_partition_is_there_when_its_result_is(tmp_path: Path) -> None:
    files = PlanFiles(tmp_path)
    files.write(0, BLOCKS)
    assert files.result(0) is None
    files.finish(0, {"counts": {"messages": 19}})
    assert files.result(0) == {"counts": {"messages": 19}}
