"""Conditions checked against a schema: what they may say, what they read, and that they are true or false."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import duckdb
import pyarrow as pa
from sqlglot import exp

from engine.campaign.document import Locate, printable
from engine.conditions.columns import FieldPath, column_name, resolve
from engine.conditions.connection import connect
from engine.conditions.parse import (
    DIALECT,
    UNKNOWN_FUNCTION,
    locate_in,
    parse_condition,
    place_of,
    replaced,
    spans_of,
)
from engine.errors import CampaignError, Diagnostic

TABLE = "recipients"
Found = TypeVar("Found")
_SMALL_INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32())
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs)


@dataclass(frozen=True)
class CheckedCondition:
    """A condition that holds to the language.

    ``expression`` names columns by their place in the schema; ``paths`` are the columns and struct fields it reads.
    """

    text: str
    expression: exp.Expr
    paths: tuple[FieldPath, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, each once."""
        return tuple(dict.fromkeys(path[0] for path in self.paths))


class Checker:
    """Checks conditions against one schema, in a database of its own (``connection``) that holds one row of nulls."""

    def __init__(self, schema: pa.Schema, timezone: str = "UTC") -> None:
        self._schema = schema
        self._types = {column_name(index): field.type for index, field in enumerate(schema)}
        self.connection = connect(timezone)

    def check(self, text: str, locate: Locate | None = None) -> CheckedCondition:
        """Check one condition; ``locate`` gives the place of an (offset, width) of ``text`` in its file.

        Raises:
            CampaignError: with all that is wrong with it.
        """
        locate = locate or locate_in(text)
        condition = self._parsed(text, locate)
        kind, _ = self._bind(condition, locate)
        if kind != "BOOLEAN":
            message = f"a condition must be true or false, and this is of type {kind}"
            place = locate(0, len(condition.text.rstrip()))
            raise CampaignError.single("MR204", message, place=place, help="compare it with something")
        return condition

    def check_value(self, text: str, locate: Locate | None = None) -> tuple[CheckedCondition, pa.DataType]:
        """Check one expression that may have any value, and give the type of that.

        Raises:
            CampaignError: with all that is wrong with it.
        """
        locate = locate or locate_in(text)
        expression = self._parsed(text, locate)
        return expression, self._bind(expression, locate)[1]

    def _parsed(self, text: str, locate: Locate) -> CheckedCondition:
        root, faults = parse_condition(text, locate)
        if any(fault.code != UNKNOWN_FUNCTION for fault in faults):
            raise CampaignError(*faults)
        resolution = resolve(root, self._schema, locate, len(text))
        if faults or resolution.faults:
            raise CampaignError(*sorted((*faults, *resolution.faults), key=_position))
        return CheckedCondition(text, rewritten(root, self._types), resolution.paths)

    def _bind(self, condition: CheckedCondition, locate: Locate) -> tuple[str, pa.DataType]:
        try:
            return self._type_of(condition.expression)
        except (duckdb.Error, pa.ArrowException) as error:
            raise CampaignError(self._type_fault(condition, error, locate)) from None

    def _type_of(self, expression: exp.Expr) -> tuple[str, pa.DataType]:
        """The type of an expression, in DuckDB's words and in Arrow's.

        The one row is computed as well: constants that cannot be read fail only then.
        """
        names = {column.parts[0].name for column in expression.find_all(exp.Column)}
        row = {name: pa.nulls(1, self._types[name]) for name in names} or {"c": pa.nulls(1, pa.int8())}
        self.connection.register(TABLE, pa.table(row))
        relation = self.connection.sql(f"SELECT {sql_of(expression)} FROM {TABLE}")  # noqa: S608
        return str(relation.types[0]).strip('"'), relation.to_arrow_table().schema.field(0).type

    def _type_fault(self, condition: CheckedCondition, error: Exception, locate: Locate) -> Diagnostic:
        length = len(condition.text)
        for node in _inside_out(condition.expression):
            try:
                self._type_of(node)
            except (duckdb.Error, pa.ArrowException) as inner:
                return Diagnostic(
                    "MR205", _words(inner), place_of(node, locate, length), "compare like with like, or CAST"
                )
        return Diagnostic("MR205", _words(error), locate(0, length))


class Checkers:
    """One checker, and so one database, for each schema that is asked for."""

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        self._known: list[tuple[pa.Schema, Checker]] = []

    def of(self, schema: pa.Schema) -> Checker:
        for known, checker in self._known:
            if known.equals(schema):
                return checker
        self._known.append((schema, Checker(schema, self._timezone)))
        return self._known[-1][1]


def collect(checks: Mapping[str, Callable[[], Found]]) -> dict[str, Found]:
    """What each check finds. Raises CampaignError with the faults of all that find any."""
    found: dict[str, Found] = {}
    faults: list[Diagnostic] = []
    for name, check in checks.items():
        try:
            found[name] = check()
        except CampaignError as error:
            faults.extend(error.diagnostics)
    if faults:
        raise CampaignError(*faults)
    return found


def sql_of(expression: exp.Expr) -> str:
    """The text that DuckDB runs: generated from the checked tree, never the user's own."""
    return str(expression.sql(DIALECT, comments=False))


def rewritten(root: exp.Expr, types: Mapping[str, pa.DataType]) -> exp.Expr:
    """The expression with two kindnesses to rows, that change no result but errors.

    Casts of what rows hold become TRY_CAST: a value that cannot be read is null. Columns of small whole numbers are
    reckoned with in 64 bits, where a product does not overflow.
    """
    for cast in list(root.find_all(exp.Cast)):
        if type(cast) is exp.Cast and cast.find(exp.Column) is not None:
            root = replaced(root, cast, exp.TryCast(this=cast.this, to=cast.args["to"]))
    for column in list(root.find_all(exp.Column)):
        if len(column.parts) == 1 and types[column.name] in _SMALL_INTEGERS and isinstance(column.parent, _ARITHMETIC):
            wide = exp.Cast(this=column.copy(), to=exp.DataType.build("BIGINT", dialect=DIALECT))
            root = replaced(root, column, wide)
    return root


def _inside_out(root: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes that have a place and a value, each after what it consists of."""
    spans = spans_of(root)
    for node in reversed(list(root.bfs())):
        valueless = isinstance(
            node, exp.Identifier | exp.Var | exp.DataType | exp.DataTypeParam | exp.If | exp.Connector
        )
        if not valueless and id(node) in spans:
            yield node


def _position(fault: Diagnostic) -> tuple[int, int]:
    return (fault.place.line or 0, fault.place.column or 0) if fault.place else (0, 0)


def _words(error: Exception) -> str:
    first = str(error).split("\n", 1)[0]
    words = re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", first).replace("INTEGER_LITERAL", "INTEGER")
    return printable(words[:200])
