"""The frozen audience on a real disk, with DuckDB looking for duplicates."""

from pathlib import Path

import pyarrow as pa

from engine.adapters.stores.audience_files import AudienceFiles
from engine.audience.partitions import BLOCK_ROWS, in_blocks

SCHEMA = pa.schema([("id", pa.string()), ("email", pa.string())])
ROWS = 3 * BLOCK_ROWS + 10


def rows(count: int = ROWS) -> pa.Table:
    emails = [f"user{number}@example.com" for number in range(count)]
    keys = [f"k{number}" for number in range(count)]
    emails[5] = None
    emails[6] = "  "
    emails[7] = None
    emails[ROWS - 1] = " USER3@example.com "  # row 3 again, in another block
    keys[BLOCK_ROWS + 1] = "k0"  # row 0 again
    emails[9] = "user8@EXAMPLE.com"
    return pa.table({"id": keys, "email": emails}, schema=SCHEMA)


def freeze(folder: Path, table: pa.Table, chunk: int) -> tuple[AudienceFiles, int, str]:
    store = AudienceFiles(folder, key="id", email="email")
    count, digest = store.freeze(
        in_blocks(table.to_batches(chunk), SCHEMA), SCHEMA, [pa.array(["User8@example.com", None])]
    )
    return store, count, digest


def test_what_was_frozen_comes_back(tmp_path: Path) -> None:
    store, count, _ = freeze(tmp_path / "a", rows(), 1_000)
    blocks = list(store.blocks(0, count))
    assert pa.Table.from_batches([block for _, block, _ in blocks]).equals(rows().combine_chunks())
    assert [first for first, _, _ in blocks] == [0, BLOCK_ROWS, 2 * BLOCK_ROWS, 3 * BLOCK_ROWS]


def test_marks_name_later_duplicates_and_all_suppressed(tmp_path: Path) -> None:
    store, count, _ = freeze(tmp_path / "a", rows(), 1_000)
    duplicate, suppressed = set(), set()
    for first, _, marks in store.blocks(0, count):
        duplicate |= {first + int(each) for each in marks.duplicate.nonzero()[0]}
        suppressed |= {first + int(each) for each in marks.suppressed.nonzero()[0]}
    assert duplicate == {9, BLOCK_ROWS + 1, ROWS - 1}  # missing addresses are not each other's duplicates
    assert suppressed == {8, 9}


def test_a_part_of_the_audience_has_the_same_marks(tmp_path: Path) -> None:
    store, _, _ = freeze(tmp_path / "a", rows(), 1_000)
    [(first, block, marks)] = list(store.blocks(BLOCK_ROWS, 2 * BLOCK_ROWS))
    assert (first, block.num_rows, marks.duplicate.nonzero()[0].tolist()) == (BLOCK_ROWS, BLOCK_ROWS, [1])


def test_the_digest_depends_on_rows_and_suppression_alone(tmp_path: Path) -> None:
    digests = {freeze(tmp_path / str(chunk), rows(), chunk)[2] for chunk in (100, 7_777, ROWS)}
    assert len(digests) == 1
    changed = rows().set_column(1, "email", pa.array([*rows()["email"].to_pylist()[:-1], "other@example.com"]))
    assert freeze(tmp_path / "changed", changed, 100)[2] not in digests
