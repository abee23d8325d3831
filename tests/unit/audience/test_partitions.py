import pyarrow as pa
import pytest

from engine.audience.partitions import BLOCK_ROWS, in_blocks, partitions


@pytest.mark.parametrize("rows", [1, BLOCK_ROWS, BLOCK_ROWS + 1, 100_000])
@pytest.mark.parametrize("size", [1, BLOCK_ROWS, 3 * BLOCK_ROWS - 5])
def test_partitions_cover_the_audience_in_whole_blocks(rows: int, size: int) -> None:
    slices = partitions(rows, size)
    assert [each.start for each in slices[1:]] == [each.stop for each in slices[:-1]]
    assert (slices[0].start, slices[-1].stop) == (0, rows)
    assert all(each.start % BLOCK_ROWS == 0 for each in slices)
    assert [each.number for each in slices] == list(range(len(slices)))


@pytest.mark.parametrize("lengths", [[1], [BLOCK_ROWS], [5, BLOCK_ROWS * 2, 0, 7], [BLOCK_ROWS - 1, 1, 1]])
def test_blocks_hold_the_same_rows_whatever_the_batches_were(lengths: list[int]) -> None:
    schema = pa.schema([("n", pa.int64())])
    numbers = iter(range(sum(lengths)))
    batches = [
        pa.RecordBatch.from_arrays([pa.array([next(numbers) for _ in range(length)], pa.int64())], schema=schema)
        for length in lengths
    ]
    blocks = list(in_blocks(batches, schema))
    assert [each for block in blocks for each in block.column("n").to_pylist()] == list(range(sum(lengths)))
    assert {block.num_rows for block in blocks[:-1]} <= {BLOCK_ROWS}
    assert 0 < blocks[-1].num_rows <= BLOCK_ROWS
