"""Which rows are doubtful, and what is done to the distinct ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.delivery.mime.columns import HeaderError, TextBytes, byte_class, replace_distinct

VOWELS = byte_class(b"aeiou")


def test_rows_that_hold_a_byte() -> None:
    texts = pa.array(["xyz", "", "", "bay", "", "o", None, "qq", "e"])
    assert TextBytes.of(texts).rows_holding(VOWELS).tolist() == [
        bool(text and set(text) & set("aeiou")) for text in texts.to_pylist()
    ]


def test_a_slice_is_seen_from_its_own_beginning() -> None:
    view = TextBytes.of(pa.array(["aa", "b", "", "cd"]).slice(1))
    assert view.offsets.tolist() == [0, 1, 1, 3]
    assert view.lengths.tolist() == [1, 0, 2]
    assert view.first().tolist() == [ord("b"), 0, ord("c")]
    assert view.last().tolist() == [ord("b"), 0, ord("d")]
    assert view.rows_holding(VOWELS).tolist() == [False, False, False]


def test_empty_columns() -> None:
    for texts in (pa.array([], pa.string()), pa.array(["", ""]), pa.array(["a"]).slice(1)):
        view = TextBytes.of(texts)
        assert len(view.first()) == len(view.last()) == len(view.rows_holding(VOWELS)) == len(texts)


def test_distinct_values_are_encoded_once() -> None:
    seen: list[str] = []

    def shout(text: str) -> str:
        seen.append(text)
        if text == "bad":
            raise HeaderError("is bad")
        return text.upper()

    texts, faults = replace_distinct(
        pa.array(["a", "b", "a", "bad", "c", "bad"]), np.array([1, 1, 1, 1, 0, 1], bool), shout
    )
    assert texts.to_pylist() == ["A", "B", "A", "", "c", ""]
    assert faults == {3: "is bad", 5: "is bad"}
    assert seen == ["a", "b", "bad"]
