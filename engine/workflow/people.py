"""People of the store as rows of an audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from engine.workflow.json_columns import read_foreign

ATTRIBUTES, VERSION = "attributes", "version"


def columns_of(people: pa.RecordBatch, columns: pa.Schema) -> pa.RecordBatch:
    """Some columns of people (USERS): their own, and whatever else is asked for out of their ``attributes``, null where that is
    missing or of another type. Their ``version`` is a matter of the store's, and no column of an audience."""
    own = own_columns(people.schema.names)
    asked = {field.name: field.type for field in columns if field.name not in own}
    read: Mapping[str, pa.Array] = read_foreign(people.column(ATTRIBUTES), asked) if asked else {}
    return pa.RecordBatch.from_arrays(
        [people.column(field.name) if field.name in own else read[field.name] for field in columns], schema=columns
    )


def own_columns(names: Sequence[str]) -> list[str]:
    """The columns of USERS that an audience has under the same name."""
    return [name for name in names if name not in (ATTRIBUTES, VERSION)]
