"""Every fault of a condition: its code and its place."""

from __future__ import annotations

import ast
from pathlib import Path

import pyarrow as pa
import pytest

import engine.conditions
from engine.conditions import Checker
from engine.conditions.language import FUNCTION_NAMES
from engine.errors import CampaignError, Diagnostic

SCHEMA = pa.schema(
    {
        "tier": pa.string(),
        "age": pa.int64(),
        "vip": pa.bool_(),
        "born": pa.date32(),
        "seen": pa.timestamp("us", "UTC"),
        "tags": pa.list_(pa.string()),
        "home": pa.struct({"city": pa.string(), "geo": pa.struct({"lat": pa.float64()})}),
        "raw": pa.decimal256(60, 2),
        "Name": pa.string(),
        "NAME": pa.string(),
    }
)
CHECKER = Checker(SCHEMA)

# code, condition, the text under the caret, a word of the message, a word of the help
CASES = [
    ("MR200", "", "", "empty", "boolean expression"),
    ("MR200", "  -- nothing\n", "", "empty", "boolean expression"),
    ("MR200", "age > 'x", "'x", "a quote is not closed", "close"),
    ("MR200", "age >", ">", "something is missing after `>`", "single quotes"),
    ("MR200", "tier = 'a' and\n age between 1 and", "and", "something is missing", "single quotes"),
    ("MR200", "age > 1 having", "having", "Unexpected token", "single quotes"),
    ("MR200", "age > 1)", ")", "Unexpected token", "single quotes"),
    ("MR200", "lower(tier, tier) = 'a'", ")", "number of provided arguments", "single quotes"),
    ("MR201", "tier = 'a' OR teir = 'b'", "teir", "unknown column `teir`", "`tier`"),
    ("MR201", 'tier = "gold"', '"gold"', "unknown column `gold`", "single quotes"),
    ("MR201", "name = 'x'", "name", "unknown column `name`", "`Name`"),
    ("MR201", "rowid = 1", "rowid", "unknown column `rowid`", "known are"),
    ("MR201", "home.town = 'x'", "town", "`home` has no field `town`", "`city`"),
    ("MR201", "home.geo.lon > 1", "lon", "`home.geo` has no field `lon`", "`lat`"),
    ("MR201", "tier.x = 1", "x", "`tier` has no field `x`", "nothing is known"),
    ("MR202", "age = 1; drop table recipients", ";", "one expression", "remove"),
    ("MR202", "age = 1;", ";", "one expression", "remove"),
    ("MR202", "age in (select 1)", "select 1)", "subquery", "one row"),
    ("MR202", "exists (select 1)", "exists", "subquery", "one row"),
    ("MR202", "vip and (select true)", "select", "subquery", "one row"),
    ("MR202", "1 = 1 union select true", "1 = 1", "subquery", "one row"),
    ("MR202", "select 1", "select 1", "subquery", "one row"),
    ("MR202", "count(*) > 1", "count", "aggregate", "one row"),
    ("MR202", "sum(age) over () > 1", "sum", "window", "one row"),
    ("MR202", "tier = ?", "tier", "placeholder", "one row"),
    ("MR202", "tier = $1", "tier", "placeholder", "one row"),
    ("MR202", "age older", "age older", "second expression", "one row"),
    ("MR202", "*", "*", "`*`", "one row"),
    ("MR202", "tags[1] = 'x'", "tags", "index", "one row"),
    ("MR202", "(age, 1) = (1, 1)", "age, 1", "tuple", None),
    ("MR202", "tier -> 'a' = 'b'", "tier", "JSON", None),
    ("MR202", "'a' in tags", "'a' in tags", "takes a list", "IN ("),
    ("MR202", "seen > now() - interval (age) day", "age", "interval", "30 DAY"),
    ("MR202", "cast(tier as json) is null", "cast", "`JSON`", "VARCHAR"),
    ("MR202", "age = any([1, 2])", "1, 2", "`any`", None),
    ("MR202", "drop table recipients", "drop table recipients", "not allowed", None),
    ("MR202", "attach '/tmp/x'", "attach", "not allowed", None),
    ("MR203", "lowr(tier) = 'a'", "lowr", "`lowr`", "`lower`"),
    ("MR203", "vip and read_text('/etc/passwd') = 'x'", "read_text", "`read_text`", None),
    ("MR203", "random() > 0.5", "random", "`random`", None),
    ("MR203", "repeat(tier, 1000000000) = 'x'", "repeat", "`repeat`", None),
    ("MR203", "getvariable('x') = 1", "getvariable", "`getvariable`", "known are"),
    ("MR203", "sleep_ms(1000)", "sleep_ms", "`sleep_ms`", None),
    ("MR204", "age", "age", "of type BIGINT", "compare"),
    ("MR204", "lower(tier)", "lower(tier)", "of type VARCHAR", "compare"),
    ("MR204", "null", "null", "of type NULL", "compare"),
    ("MR205", "vip and\n  age + tier > 1", "age + tier", "No function matches", "CAST"),
    ("MR205", "vip and 2000 > lower(tier)", "2000 > lower(tier)", "Cannot compare", "CAST"),
    ("MR205", "born > date 'abc'", "'abc'", "date", "CAST"),
    ("MR205", "vip or born > '2026-13-45'", "born > '2026-13-45'", "2026-13-45", "CAST"),
    ("MR205", "date_diff('lightyear', born, today()) > 1", "date_diff", "LIGHTYEAR", "CAST"),
    ("MR205", "regexp_matches(tier, '(')", "regexp_matches", "missing )", "CAST"),
    ("MR205", "raw > 1", "raw > 1", "Decimal", "CAST"),
    ("MR206", "(" * 30 + "vip" + ")" * 30, "(", "too deep", "segments"),
    ("MR206", "not " * 300 + "vip", "not", "too deep", "segments"),
    ("MR206", " + ".join(["age"] * 300) + " > 1", "age", "too deep", "segments"),
    ("MR206", "case when vip then " * 30 + "vip" + " end" * 30, "case", "too deep", "segments"),
    ("MR206", "vip or " * 2000 + "vip", "vip", "10,000 characters", None),
]  # fmt: skip


def faults_of(condition: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(CampaignError) as caught:
        CHECKER.check(condition)
    return caught.value.diagnostics


@pytest.mark.parametrize(("code", "condition", "under", "message", "help"), CASES)
def test_a_fault_in_its_place(code: str, condition: str, under: str, message: str, help: str | None) -> None:
    fault = faults_of(condition)[0]
    assert fault.code == code
    assert message in fault.message
    assert help is None or help in (fault.help or "")
    place = fault.place
    assert place is not None and place.line is not None and place.column is not None
    assert condition.split("\n")[place.line - 1][place.column - 1 :].startswith(under)


def test_independent_faults_come_together() -> None:
    found = faults_of("lowr(tier) = 'a' AND agee > 1 AND teir = 'b'")
    assert [(each.code, each.place.column if each.place else 0) for each in found] == [
        ("MR203", 1), ("MR201", 22), ("MR201", 35),
    ]  # fmt: skip


def test_the_names_in_the_help_are_functions_that_work() -> None:
    used = " ".join(FUNCTIONS)
    assert all(name in used for name in FUNCTION_NAMES)


FUNCTIONS = [
    "lower(tier) = 'gold'",
    "upper(tier) = 'GOLD'",
    "trim(tier) = 'gold' or trim(tier, 'g') = 'old' or trim(both 'g' from tier) = 'old'",
    "ltrim(tier) = 'gold' or rtrim(tier) = 'gold'",
    "length(tier) = 4 or len(tags) = 2",
    "substr(tier, 1, 2) = 'go' or substring(tier, 2) = 'old'",
    "left(tier, 1) = 'g' or right(tier, 1) = 'd'",
    "concat(tier, 'x') = 'goldx' or tier || 'x' = 'goldx'",
    "split_part(tier, 'o', 2) = 'ld'",
    "starts_with(tier, 'go') or ends_with(tier, 'ld') or contains(tier, 'ol')",
    "regexp_matches(tier, '^g.*d$')",
    "abs(age) = 30 or round(age / 7, 1) = 4.3 or floor(age / 7) = 4 or ceil(age / 7) = 5 or ceiling(age / 7) = 5",
    "greatest(age, 5) = 30 or least(age, 5) = 5",
    "coalesce(tier, 'x') = 'gold' or ifnull(tier, 'x') = 'gold' or nullif(tier, 'gold') is null",
    "current_date >= born or today() >= born or current_timestamp >= seen or now() >= seen",
    "date_diff('day', born, today()) > 3 or datediff('month', born, current_date) > 3",
    "date_trunc('month', seen) <= seen or date_trunc('year', born) <= born",
    "extract(year from born) = 1996 or date_part('month', born) = 5",
    "year(born) = 1996 or month(born) = 5 or day(born) = 17 or hour(seen) = 9 or dayofweek(born) = 5",
    "list_contains(tags, 'a') or list_has_any(tags, ['a', 'z']) or list_has_all(tags, ['a'])",
    "case when vip then age > 1 else false end or cast(age as varchar) = '30' or try_cast(tier as int) = 1",
]


@pytest.mark.parametrize("condition", FUNCTIONS)
def test_the_language_is_accepted(condition: str) -> None:
    for part in condition.split(" or "):
        CHECKER.check(part)
    CHECKER.check(condition)


def test_what_a_condition_reads() -> None:
    condition = CHECKER.check("home.city = 'x' AND HOME.Geo.lat > 1 AND Tier = 'a' AND now() > seen AND tier <> 'b'")
    assert set(condition.paths) == {("home", "city"), ("home", "geo", "lat"), ("tier",), ("seen",)}
    assert set(condition.columns) == {"home", "tier", "seen"}


def test_every_code_of_the_package_has_a_case() -> None:
    folder = Path(engine.conditions.__file__).parent
    nodes = (node for file in folder.rglob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    written = {node.value for node in nodes if isinstance(node, ast.Constant) and str(node.value).startswith("MR2")}
    tested_elsewhere = {"MR207", "MR208", "MR209"}  # test_scope.py, test_evaluate.py
    assert written == {case[0] for case in CASES} | tested_elsewhere
