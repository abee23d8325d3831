"""What a store makes of batches before a database sees them."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from engine.adapters.stores.store_attributes import Attributes, laid_together, same_names, write_object
from engine.adapters.stores.store_postgres_tables import text_array
from engine.adapters.stores.store_rows import askable, last_of_each, read_object, without_nul
from engine.errors import InputError


def test_the_last_row_of_each_key_stays_in_its_place() -> None:
    rows = pa.record_batch({"user_id": ["a", "b", "a", "c"], "type": ["x", "x", "x", "x"], "n": [1, 2, 3, 4]})
    assert last_of_each(rows, ("user_id", "type")).column("n").to_pylist() == [2, 3, 4]
    assert last_of_each(rows, ("user_id", "n")) is rows


def test_what_is_asked_is_asked_once_and_only_if_anybody_may_have_it() -> None:
    ids = pa.array(["b", None, "a", "b", "\0", "x" * 513, "\u00e9" * 256])
    assert askable(ids) == ["b", "a", "\u00e9" * 256]
    torn = pa.StringArray.from_buffers(1, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff"))
    with pytest.raises(InputError, match=r"MR676.*no UTF-8"):
        askable(torn)


def test_rows_of_one_person_are_laid_together_in_order() -> None:
    changes = pa.record_batch(
        {"user_id": ["a", "b", "a"], "attributes": ['{"x": 1, "y": 1}', None, '{"x": null, "z": 2}']}
    )
    found = dict(zip(*(column.to_pylist() for column in laid_together(changes).columns), strict=True))
    assert {user: json.loads(text) for user, text in found.items()} == {"a": {"x": None, "y": 1, "z": 2}, "b": {}}
    alone = changes.slice(0, 2)
    assert laid_together(alone) is alone


def test_attributes_are_the_same_after_they_were_written_and_read() -> None:
    kept = Attributes()
    kept.replace({"a": 1, "b": {"x": None}, "gone": None}, 3)
    kept.lay({"a": None, "c": [1]}, 5)
    *columns, latest = kept.written()
    again = Attributes.read(*columns)  # type: ignore[arg-type]
    assert (again, latest) == (kept, 5)
    assert again.values == {"b": {"x": None}, "c": [1]}
    assert Attributes().written() == ("{}", "{}", None, None)


@pytest.mark.parametrize(("texts", "names"), [
    (['{"a": 1, "b": "x: 5, y"}', '{"a": -1.5e+3, "b": "\\"}"}'], ["a", "b"]),
    (['{"a":true}', '{"a":"{}"}', '{"a": 0}'], ["a"]),
    (["{}", "{}"], []),
    (['{"a": 1, "b": 2}', '{"b": 1, "a": 2}'], None),
    (['{"a": 1}', '{"b": 1}'], None),
    (['{"a": 1}', None], None),
    (['{"a": null}'], None),
    (['{"a": {"b": 1}}'], None),
    (['{"a": [1]}'], None),
    (['{"a:1": 1}'], None),
    (['{"a:true": 1}'], None),
    (['{"\\u0061": 1}'], None),
    (['{"a b": 1}'], None),
    (['{"\u00e9": 1}'], None),
])  # fmt: skip
def test_names_that_all_objects_have(texts: list[str | None], names: list[str] | None) -> None:
    assert same_names(pa.array(texts, pa.string())) == names


def test_what_is_equal_is_the_same_text() -> None:
    assert write_object({"b": "\u00e9", "a": 1}) == write_object({"a": 1, "b": "\u00e9"}) == '{"a": 1, "b": "\u00e9"}'


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"a": Infinity}', '{"a": 1e999}', '{"a": "\\ud800"}', '"x"'])
def test_what_is_no_object_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|number|surrogate"):
        read_object(text)


def test_arrays_are_quoted_as_postgresql_reads_them() -> None:
    assert text_array(['a"b', "c\\d", "", "NULL", "{x,y}"]) == '{"a\\"b","c\\\\d","","NULL","{x,y}"}'
    assert text_array([]) == "{}"


def test_nul_becomes_the_replacement_character() -> None:
    rows = without_nul(pa.record_batch({"error": ["a\0b", None], "n": [1, 2]}))
    assert rows.to_pylist() == [{"error": "a\ufffdb", "n": 1}, {"error": None, "n": 2}]
