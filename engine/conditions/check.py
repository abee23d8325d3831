"""Conditions checked against a schema: what they may say, what they read, and that they are true or false."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from sqlglot import exp

from engine.campaign.document import Locate, printable
from engine.conditions.columns import FieldPath, column_name, resolve
from engine.conditions.connection import connect
from engine.conditions.parse import DIALECT, UNKNOWN_FUNCTION, locate_in, parse_condition, place_of, spans_of
from engine.errors import CampaignError, Diagnostic

TABLE = "recipients"


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
    """Checks conditions against one schema, in a database of its own that holds one row of nulls."""

    def __init__(self, schema: pa.Schema, timezone: str = "UTC") -> None:
        self._schema = schema
        self._connection = connect(timezone)

    def check(self, text: str, locate: Locate | None = None) -> CheckedCondition:
        """Check one condition; ``locate`` gives the place of an (offset, width) of ``text`` in its file.

        Raises:
            CampaignError: with all that is wrong with it.
        """
        locate = locate or locate_in(text)
        root, faults = parse_condition(text, locate)
        if any(fault.code != UNKNOWN_FUNCTION for fault in faults):
            raise CampaignError(*faults)
        resolution = resolve(root, self._schema, locate, len(text))
        if faults or resolution.faults:
            raise CampaignError(*faults, *resolution.faults)
        condition = CheckedCondition(text, spare_casts(root), resolution.paths)
        self._bind(condition, locate)
        return condition

    def _bind(self, condition: CheckedCondition, locate: Locate) -> None:
        try:
            self._connection.register(TABLE, self._row_of_nulls(condition))
            kind = self._type_of(condition.expression)
        except (duckdb.Error, pa.ArrowException) as error:
            raise CampaignError(self._type_fault(condition, error, locate)) from None
        finally:
            self._connection.unregister(TABLE)
        if kind != "BOOLEAN":
            message = f"a condition must be true or false, and this is of type {kind}"
            place = locate(0, len(condition.text.rstrip()))
            raise CampaignError.single("MR204", message, place=place, help="compare it with something")

    def _row_of_nulls(self, condition: CheckedCondition) -> pa.Table:
        indices = [self._schema.names.index(name) for name in condition.columns]
        columns = {column_name(index): pa.nulls(1, self._schema.field(index).type) for index in indices}
        return pa.table(columns or {"c": pa.nulls(1, pa.int8())})

    def _type_of(self, expression: exp.Expr) -> str:
        """The type of an expression. The one row is computed as well: constants that cannot be read fail only then."""
        relation = self._connection.sql(f"SELECT {sql_of(expression)} FROM {TABLE}")  # noqa: S608
        relation.fetchall()
        return str(relation.types[0]).strip('"')

    def _type_fault(self, condition: CheckedCondition, error: Exception, locate: Locate) -> Diagnostic:
        length = len(condition.text)
        for node in _inside_out(condition.expression):
            try:
                self._connection.register(TABLE, self._row_of_nulls(condition))
                self._type_of(node)
            except (duckdb.Error, pa.ArrowException) as inner:
                return Diagnostic(
                    "MR205", _words(inner), place_of(node, locate, length), "compare like with like, or CAST"
                )
        return Diagnostic("MR205", _words(error), locate(0, length))


def sql_of(expression: exp.Expr) -> str:
    """The text that DuckDB runs: generated from the checked tree, never the user's own."""
    return str(expression.sql(DIALECT, comments=False, identify=True))


def spare_casts(root: exp.Expr) -> exp.Expr:
    """Casts of what rows hold become TRY_CAST: a value that cannot be read is null, and so the row is not chosen."""
    for cast in list(root.find_all(exp.Cast)):
        if type(cast) is exp.Cast and cast.find(exp.Column) is not None:
            tried = exp.TryCast(this=cast.this, to=cast.args["to"])
            if cast is root:
                root = tried
            else:
                cast.replace(tried)
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


def _words(error: Exception) -> str:
    first = str(error).split("\n", 1)[0]
    words = re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", first).replace("INTEGER_LITERAL", "INTEGER")
    return printable(words[:200])
