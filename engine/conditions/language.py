"""The language of conditions: the SQL that is allowed, as sqlglot's node types. What is not listed is refused.

Left out on purpose: everything that reads anything but the row (subqueries, aggregates, windows, parameters, files,
settings), that differs from one call to the next (random values), or whose result can be much larger than its input
(repeat, lpad, replace, range), so that a condition costs time in proportion to its length and to the rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

OPERATORS: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.And, exp.Or, exp.Not, exp.Paren),
        *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ),
        *(exp.Is, exp.Null, exp.Boolean, exp.Literal, exp.In, exp.Between, exp.Like, exp.ILike, exp.Escape),
        *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe),
        *(exp.Case, exp.If, exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var),
        *(exp.Column, exp.Identifier, exp.Dot, exp.Array),
    }
)

# By node type, the names under which users know each function.
FUNCTIONS: Mapping[type[exp.Expr], tuple[str, ...]] = {
    exp.Lower: ("lower",),
    exp.Upper: ("upper",),
    exp.Trim: ("trim", "ltrim", "rtrim"),
    exp.Length: ("length", "len"),
    exp.Substring: ("substr", "substring"),
    exp.Left: ("left",),
    exp.Right: ("right",),
    exp.Concat: ("concat",),
    exp.SplitPart: ("split_part",),
    exp.StartsWith: ("starts_with",),
    exp.EndsWith: ("ends_with",),
    exp.Contains: ("contains",),
    exp.RegexpLike: ("regexp_matches",),
    exp.Abs: ("abs",),
    exp.Round: ("round",),
    exp.Floor: ("floor",),
    exp.Ceil: ("ceil", "ceiling"),
    exp.Greatest: ("greatest",),
    exp.Least: ("least",),
    exp.Coalesce: ("coalesce", "ifnull"),
    exp.Nullif: ("nullif",),
    exp.CurrentDate: ("current_date", "today"),
    exp.CurrentTimestamp: ("current_timestamp",),
    exp.DateDiff: ("date_diff", "datediff"),
    exp.DateTrunc: ("date_trunc",),
    exp.TimestampTrunc: ("date_trunc",),
    exp.Extract: ("extract",),
    exp.Year: ("year",),
    exp.Month: ("month",),
    exp.Day: ("day",),
    exp.Hour: ("hour",),
    exp.DayOfWeek: ("dayofweek",),
    exp.ArrayContains: ("list_contains",),
    exp.ArrayOverlaps: ("list_has_any",),
}
# Functions that sqlglot has no node type for.
UNTYPED_FUNCTIONS = ("date_part", "list_has_all", "now")

FUNCTION_NAMES: tuple[str, ...] = tuple(
    sorted({*UNTYPED_FUNCTIONS, "case", "cast", "try_cast"}.union(*FUNCTIONS.values()))
)

CAST_TYPES: frozenset[str] = frozenset(
    {
        *("BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL"),
        *("VARCHAR", "TEXT", "DATE", "TIMESTAMP", "TIMESTAMPNTZ", "TIMESTAMPTZ"),
    }
)

# How refused constructs are called; the first type that fits.
REFUSED: tuple[tuple[type, str], ...] = (
    (exp.Query, "a subquery"),
    (exp.Exists, "a subquery"),
    (exp.AggFunc, "an aggregate function"),
    (exp.Window, "a window function"),
    (exp.Placeholder, "a placeholder"),
    (exp.Parameter, "a placeholder"),
    (exp.Alias, "a second expression"),
    (exp.Aliases, "a second expression"),
    (exp.Star, "`*`"),
    (exp.Lambda, "a lambda"),
    (exp.Comprehension, "a list comprehension"),
    (exp.Tuple, "a tuple"),
    (exp.Bracket, "an index"),
    (exp.AtTimeZone, "`AT TIME ZONE`"),
    (exp.JSONExtract, "a JSON operator"),
    (exp.JSONExtractScalar, "a JSON operator"),
    (exp.DDL, "a statement"),
    (exp.DML, "a statement"),
    (exp.Command, "a statement"),
)
