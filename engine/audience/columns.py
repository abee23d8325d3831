"""Which columns an audience must have, and the types in which the rest of the engine sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.types as pt

from engine.campaign.schema import Audience
from engine.errors import Diagnostic, InputError, did_you_mean


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type without its encoding: dictionaries, views and large variants become what they stand for."""
    if pt.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pt.is_large_string(kind) or pt.is_string_view(kind):
        return pa.string()
    if pt.is_large_binary(kind) or pt.is_binary_view(kind):
        return pa.binary()
    if pt.is_list(kind) or pt.is_large_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if pt.is_struct(kind):
        return pa.struct([field.with_type(plain_type(field.type)) for field in kind])
    return kind


def plain_schema(schema: pa.Schema, columns: Iterable[str]) -> pa.Schema:
    """``columns`` of ``schema`` with plain types and no metadata, in the order of the schema."""
    wanted = set(columns)
    return pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema if field.name in wanted])


def conform(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches with exactly the columns and types of ``schema``."""
    for batch in batches:
        yield pa.RecordBatch.from_arrays(
            [_cast(batch.column(field.name), field.type) for field in schema],
            schema=schema,
        )


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def check_schema(audience: Audience, schema: pa.Schema, source: str) -> None:
    """Raises InputError naming each role's column that is missing or of a wrong type, and each type that is not read at all."""
    faults = list(_missing(audience, schema, source)) + list(_wrong_types(audience, schema, source))
    if faults:
        raise InputError(*faults)


def text_of_key(keys: pa.Array) -> pa.StringArray:
    """A recipient's key as text, whatever its type."""
    return keys if pt.is_string(keys.type) else keys.cast(pa.string())


def _roles(audience: Audience) -> Sequence[tuple[str, str | None, Callable[[pa.DataType], bool], str]]:
    return (
        ("key", audience.key, lambda kind: pt.is_integer(kind) or pt.is_string(kind), "an integer or a string"),
        ("email", audience.email, pt.is_string, "a string"),
        ("subscribed", audience.subscribed, pt.is_boolean, "a boolean"),
        ("timezone", audience.timezone, pt.is_string, "a string"),
    )


def _missing(audience: Audience, schema: pa.Schema, source: str) -> Iterator[Diagnostic]:
    for role, column, _, _ in _roles(audience):
        if column is not None and column not in schema.names:
            yield Diagnostic(
                "MR351", f"{source} has no column `{column}` (audience.{role})", help=did_you_mean(column, schema.names)
            )


def _wrong_types(audience: Audience, schema: pa.Schema, source: str) -> Iterator[Diagnostic]:
    for role, column, accepts, wanted in _roles(audience):
        if column is None or column not in schema.names:
            continue
        kind = plain_type(schema.field(column).type)
        if not accepts(kind):
            yield Diagnostic(
                "MR352",
                f"column `{column}` of {source} is {kind}; audience.{role} must be {wanted}",
                help="convert it at the source",
            )
    for field in schema:
        if isinstance(field.type, pa.BaseExtensionType):
            yield Diagnostic(
                "MR353",
                f"column `{field.name}` of {source} has the extension type {field.type}, which is not read",
                help="store it plainly",
            )


def check_keys(batch: pa.RecordBatch, key: str, source: str) -> None:
    """Raises InputError when a recipient has no key."""
    nulls = batch.column(key).null_count
    if nulls:
        raise InputError.single(
            "MR354",
            f"{nulls} rows of {source} have no `{key}`",
            help="each recipient needs a key that stays the same for ever; drop these rows or give them one",
        )
