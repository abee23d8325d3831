"""Columns that a campaign gives a type: text in the database, read as what it says."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

_LINE_BREAKS = r"[\n\r]"


def is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind))


def from_text(values: pa.StringArray, kind: pa.DataType) -> pa.Array:
    """Texts as values of ``kind``: lists and structs from JSON, of which fields without a type are left out.

    Raises pyarrow.ArrowInvalid for a text that is none.
    """
    if not is_nested(kind):
        return values.cast(kind)
    if not len(values):
        return pa.array([], kind)
    texts = pc.replace_substring_regex(values, _LINE_BREAKS, " ")  # a line break in JSON stands between values only
    lines = pc.binary_join_element_wise('{"it":', texts.fill_null("null"), "}\n", "")
    content = "".join(lines.to_pylist()).encode()
    options = pa.json.ParseOptions(
        explicit_schema=pa.schema([pa.field("it", kind)]), unexpected_field_behavior="ignore"
    )
    block = pa.json.ReadOptions(use_threads=False, block_size=len(content) + 1)
    found = pa.json.read_json(io.BytesIO(content), block, options)["it"].combine_chunks()
    if len(found) != len(values):
        raise pa.ArrowInvalid("JSON that does not end where it should")
    return found
