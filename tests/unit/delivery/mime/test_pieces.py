"""Pools as fragments, ropes as cells."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.delivery.mime.pieces import FragmentEncoder, cells, mend_returns, rope_of, texts
from engine.delivery.mime.quoted_printable import encode_fragments
from engine.templates.rope import Chunk, Pool, Rope


def rope(*rows: list[int]) -> Rope:
    return Rope(
        np.array([piece for row in rows for piece in row], np.int32), np.cumsum([0, *map(len, rows)]).astype(np.int64)
    )


def pool(*chunks: tuple[list[str], str | None]) -> Pool:
    return Pool(tuple(Chunk(pa.array(values, pa.string()), key) for values, key in chunks))


def test_fragments_stand_in_the_order_of_the_ids() -> None:
    mixed = pool((["a", "ü"], "static"), (["b", "."], None), (["c"], "other"), ([], None), (["d\r", "e"], None))
    encoded = FragmentEncoder().encode(mixed)
    assert pa.concat_arrays(encoded.runs).to_pylist() == encode_fragments(mixed.array()).to_pylist()
    assert encoded.size == 7
    assert encoded.returns.tolist() == [5]


def test_a_pool_of_statics_alone() -> None:
    assert FragmentEncoder().encode(pool((["a"], "k"))).runs[0].to_pylist() == ["a=\r\n"]


def test_what_has_a_key_is_encoded_once() -> None:
    encoder = FragmentEncoder()
    first = encoder.encode(pool((["ü"], "k"), (["x"], None))).runs[0]
    assert encoder.encode(pool((["ü"], "k"), (["y"], None))).runs[0] is first


def test_a_key_given_twice_gives_no_other_words() -> None:
    encoder = FragmentEncoder()
    encoder.encode(pool((["one"], "k")))
    assert encoder.encode(pool((["two"], "k"))).runs[0].to_pylist() == ["two=\r\n"]


def test_what_is_kept_is_bounded() -> None:
    encoder = FragmentEncoder(most_kept=3_000)
    kept = {key: encoder.encode(pool(([key * 1_000], key))).runs[0] for key in "abc"}
    assert encoder.encode(pool((["c" * 1_000], "c"))).runs[0] is kept["c"]
    assert encoder.encode(pool((["a" * 1_000], "a"))).runs[0] is not kept["a"]


def test_cells_and_back() -> None:
    ragged = rope([1, 2], [], [3])
    again = rope_of(cells(ragged))
    assert again.ids.tolist() == [1, 2, 3]
    assert again.offsets.tolist() == [0, 2, 2, 3]


def test_texts_of_a_rope() -> None:
    parts = pool((["a", "b"], "k"), (["unused"], None), (["c", "d"], None))
    assert texts(parts, rope([0, 3], [], [4, 1, 4])).to_pylist() == ["ac", "", "dbd"]
    assert texts(parts, rope([], [])).to_pylist() == ["", ""]


def test_a_line_end_in_two_pieces_is_one() -> None:
    parts = pool((["\n", "x"], "k"), (["a\r", "b"], None))
    part = rope([2, 0], [3, 0], [2, 1])
    encoded = FragmentEncoder().encode(parts)
    mended = mend_returns(parts, part, encoded.returns, first_added=encoded.size)
    assert mended.added.to_pylist() == ["a\r\n", "a\r\nx=\r\n"]
    assert rope_of(mended.cells).ids.tolist() == [4, 3, 0, 5]


def test_nothing_is_added_where_nothing_is_torn() -> None:
    parts = pool((["a\r"], None), (["b"], None))
    mended = mend_returns(parts, rope([1], [1]), np.array([0]), first_added=2)
    assert len(mended.added) == 0
    assert rope_of(mended.cells).ids.tolist() == [1, 1]
