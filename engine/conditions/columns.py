"""The columns and struct fields that a condition reads: found in the schema, and renamed by their place in it.

The names `c0`, `c1`... make a condition independent of how a database folds the case of names or quotes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from engine.campaign.document import Locate, printable
from engine.conditions.parse import place_of
from engine.errors import Diagnostic, did_you_mean

FieldPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The paths that an expression reads, and what of it could not be found."""

    paths: tuple[FieldPath, ...]
    faults: tuple[Diagnostic, ...]


def resolve(root: exp.Expr, schema: pa.Schema, locate: Locate, length: int) -> Resolution:
    """Find each column of ``root`` in ``schema``, and rename it in place."""
    paths: dict[FieldPath, None] = {}
    faults: list[Diagnostic] = []
    for column in list(root.find_all(exp.Column)):
        names = _names(column)
        found = _find(names, schema)
        if isinstance(found, Diagnostic):
            faults.append(Diagnostic(found.code, found.message, place_of(names[-1], locate, length), found.help))
            continue
        paths[found] = None
        _rename(names, found, schema)
    return Resolution(tuple(paths), tuple(faults))


def column_name(index: int) -> str:
    """The name in the database of the schema's column ``index``."""
    return f"c{index}"


def match_name(name: str, known: Sequence[str], quoted: bool = False) -> str | None:
    """The known name that is meant: the same, or the only one that differs in case alone."""
    if name in known:
        return name
    alike = [each for each in known if each.lower() == name.lower()]
    return alike[0] if len(alike) == 1 and not quoted else None


def _names(column: exp.Column) -> list[exp.Identifier]:
    names = [part for part in column.parts if isinstance(part, exp.Identifier)]
    above = column.parent
    inner: exp.Expr = column
    while isinstance(above, exp.Dot) and above.this is inner and isinstance(above.expression, exp.Identifier):
        names.append(above.expression)
        inner, above = above, above.parent
    return names


def _find(names: Sequence[exp.Identifier], schema: pa.Schema) -> FieldPath | Diagnostic:
    path: FieldPath = ()
    known: Sequence[str] = schema.names
    for identifier in names:
        found = match_name(identifier.name, known, bool(identifier.args.get("quoted")))
        if found is None:
            what = f"`{'.'.join(path)}` has no field" if path else "unknown column"
            help = did_you_mean(identifier.name, known)
            if identifier.args.get("quoted") and not path:
                help += "; text stands in single quotes"
            return Diagnostic("MR201", printable(f"{what} `{identifier.name}`"), None, help)
        path = (*path, found)
        known = _field_names(_type_of(path, schema))
    return path


def _type_of(path: FieldPath, schema: pa.Schema) -> pa.DataType:
    kind = schema.field(schema.names.index(path[0])).type
    for name in path[1:]:
        kind = kind.field(name).type
    return kind


def _field_names(kind: pa.DataType) -> list[str]:
    return [kind.field(index).name for index in range(kind.num_fields)] if pa.types.is_struct(kind) else []


def _rename(names: Iterable[exp.Identifier], path: FieldPath, schema: pa.Schema) -> None:
    new_names = (column_name(schema.names.index(path[0])), *path[1:])
    for identifier, name in zip(names, new_names, strict=True):
        identifier.set("this", name)
        identifier.set("quoted", True)
