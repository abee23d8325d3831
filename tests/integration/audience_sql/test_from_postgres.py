"""Reading PostgreSQL: types, order, ranges, one snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from engine.adapters.sources.postgres import PostgresSource
from engine.adapters.sources.postgres_ranges import Range, Selected, ranges
from engine.errors import CampaignError, InputError, MailrayError

Opened = Callable[..., PostgresSource]
Read = Callable[..., pa.Table]
ROWS = 5_000


@pytest.fixture
def people(server: Any) -> None:
    """Texts and whole numbers as keys, each with an index; the first in no order at all."""
    server.execute(
        "CREATE TABLE people AS SELECT i AS id, 'k' || md5(i::text) AS code, i % 7 AS visits, "
        f"CASE WHEN i % 3 > 0 THEN 'n' || i END AS name FROM generate_series(1, {ROWS}) AS i ORDER BY md5(i::text)"
    )
    server.execute(
        'CREATE UNIQUE INDEX ON people (id); CREATE UNIQUE INDEX ON people (code COLLATE "C"); ANALYZE people'
    )


def parts_of(source: PostgresSource, range_rows: int) -> list[Range]:
    """The parts in which a source is read."""
    with source._sessions.reading() as session:
        return ranges(session, Selected(source._query.rows, None, source._key_column, []), range_rows)


def test_types(server: Any, from_server: Opened, table: Read) -> None:
    server.execute("CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE bought AS (sku text, price float8)")
    source = from_server(
        """
        SELECT 1::int2 AS id, 2::int4 AS i4, 3::int8 AS i8, true AS b, 1.5::float4 AS f4, 0.1::float8 AS f8, 'é'::text AS t,
            'v'::varchar(9) AS v, 'c'::char(3) AS c,
            12.50::numeric(10, 2) AS p, 12.25::numeric AS q, date '2026-03-01' AS d,
            timestamptz '2026-03-01 09:00+01' AS i, timestamp '2026-03-01 09:00' AS naive, '{"a": 1}'::jsonb AS j,
            uuid '01234567-89ab-cdef-0123-456789abcdef' AS u, 'glad'::mood AS m,
            array['x', NULL] AS texts, array[1, 2] AS numbers, array[1.5::numeric] AS amounts, array['sad'::mood] AS moods,
            interval '1 day 2 hours' AS ago, array[row('s', 2)]::bought[] AS lines, bytea '\\x00ff' AS raw
        """,
        types={"lines": pa.list_(pa.struct({"sku": pa.string(), "price": pa.float64()}))},
    )  # fmt: skip
    (row,) = table(source).to_pylist()
    assert row == {
        "id": 1, "i4": 2, "i8": 3, "b": True, "f4": 1.5, "f8": 0.1, "t": "é", "v": "v", "c": "c", "p": Decimal("12.50"), "q": 12.25,
        "d": date(2026, 3, 1), "i": datetime(2026, 3, 1, 8, tzinfo=UTC), "naive": datetime(2026, 3, 1, 9), "j": '{"a": 1}',
        "u": "01234567-89ab-cdef-0123-456789abcdef", "m": "glad", "texts": ["x", None], "numbers": [1, 2], "amounts": [1.5],
        "moods": ["sad"], "ago": "P1DT2H", "lines": [{"sku": "s", "price": 2.0}], "raw": b"\x00\xff",
    }  # fmt: skip
    assert str(source.schema.field("p").type) == "decimal128(10, 2)"
    assert source.schema.field("i").type == pa.timestamp("us", "UTC")


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("key", ["id", "code"])
@pytest.mark.parametrize("readers", [1, 3])
def test_any_ranges_and_any_number_of_readers_give_the_same(
    from_server: Opened, table: Read, key: str, readers: int
) -> None:
    query = "SELECT * FROM people"
    whole = table(from_server(query, key, range_rows=ROWS * 2))
    source = from_server(query, key, readers=readers, range_rows=300)
    assert len(parts_of(source, 300)) == -(-ROWS // 300)
    assert table(source).equals(whole)
    keys = whole[key].to_pylist()
    assert keys == sorted(keys, key=lambda each: each.encode() if isinstance(each, str) else each)


@pytest.mark.usefixtures("people")
def test_keys_that_come_again_and_again_and_keys_that_are_null(server: Any, from_server: Opened, table: Read) -> None:
    server.execute("CREATE TABLE visits AS SELECT CASE WHEN visits < 5 THEN visits END AS id, code FROM people")
    server.execute("CREATE INDEX ON visits (id); ANALYZE visits")
    query = "SELECT * FROM visits"
    whole = table(from_server(query, range_rows=ROWS * 2))
    source = from_server(query, readers=2, range_rows=200)
    assert parts_of(source, 200)[-1] == Range(nulls=True)
    assert table(source).equals(whole)
    assert whole["id"].null_count == server.execute("SELECT count(*) FROM visits WHERE id IS NULL").fetchone()[0] > 0
    pairs = list(zip(whole["id"].to_pylist(), whole["code"].to_pylist(), strict=True))
    assert pairs == sorted(pairs, key=lambda each: (each[0] is None, each[0] or 0, each[1]))


@pytest.mark.parametrize("every", [1, 2, 700, 1_999])
def test_a_key_that_comes_twice_now_and_then(
    server: Any, from_server: Opened, table: Read, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """Twins at all places of a batch and between two."""
    monkeypatch.setattr("engine.adapters.sources.postgres_session.BATCH_BYTES", 600)
    server.execute(
        f"CREATE TABLE twins AS SELECT i AS id, t AS twin FROM generate_series(1, 2000) i, generate_series(1, 3) t "
        f"WHERE t = 1 OR i % {every} = 0 ORDER BY md5(i::text || t)"
    )
    server.execute("CREATE INDEX ON twins (id); ANALYZE twins")
    source = from_server("SELECT * FROM twins", readers=2, range_rows=900)
    assert parts_of(source, 900)[0].indexed
    found = table(source)
    expected = [(i, t) for i in range(1, 2_001) for t in (1, 2, 3) if t == 1 or i % every == 0]
    assert list(zip(found["id"].to_pylist(), found["twin"].to_pylist(), strict=True)) == expected


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM people ORDER BY md5(code) LIMIT 3000",
        "SELECT visits AS id, count(*) AS n FROM people, generate_series(1, 3) GROUP BY 1",
        "SELECT id + 0 AS id FROM people",
        "SELECT id FROM people WHERE now() > '2001-01-01'",
    ],
)
def test_what_no_index_leads_to_or_differs_by_transaction_is_read_as_one(
    from_server: Opened, table: Read, query: str
) -> None:
    source = from_server(query, range_rows=100)
    assert parts_of(source, 100) == [Range()]
    keys = table(source)["id"].to_pylist()
    assert keys == sorted(keys)
    assert len(keys) == source.count()


@pytest.mark.usefixtures("people")
def test_all_readers_see_one_moment(server: Any, from_server: Opened, table: Read) -> None:
    source = from_server("SELECT * FROM people", readers=3, range_rows=300)
    before = table(source)
    with source.snapshot():
        assert source.count() == ROWS
        server.execute("DELETE FROM people WHERE id % 2 = 0; UPDATE people SET name = 'changed'")
        assert source.count() == ROWS
        batches = source.batches(["id", "code", "visits", "name"])
        first = next(batches)
        server.execute("DELETE FROM people")
        assert pa.Table.from_batches([first, *batches]).equals(before)
    assert source.count() == 0


@pytest.mark.usefixtures("people")
def test_a_pushed_condition_is_in_every_range(from_server: Opened, table: Read) -> None:
    source = from_server("SELECT * FROM people", readers=2, range_rows=100)
    pushdown = source.pushdown(
        "visits = 3 AND (name IS NOT NULL OR id > 4000)", datetime(2026, 3, 1, tzinfo=UTC), "UTC"
    )
    assert pushdown.rest is None
    found = table(source, ["id"], pushdown.filter)["id"].to_pylist()
    assert found == [n for n in range(1, ROWS + 1) if n % 7 == 3 and (n % 3 > 0 or n > 4000)]


def test_the_session_only_reads(server: Any, from_server: Opened, table: Read) -> None:
    server.execute("CREATE TABLE touched (id int)")
    server.execute("CREATE FUNCTION touch() RETURNS int LANGUAGE sql AS 'INSERT INTO touched VALUES (1) RETURNING id'")
    with pytest.raises(CampaignError) as caught:
        table(from_server("SELECT touch() AS id"))
    assert caught.value.diagnostics[0].code == "MR373"
    assert server.execute("SELECT count(*) FROM touched").fetchone() == (0,)


@pytest.mark.parametrize(
    ("expression", "code", "kind"),
    [
        ("'infinity'::timestamptz", "MR377", InputError),
        ("'-infinity'::date", "MR377", InputError),
        ("timestamptz '0044-03-15 12:00 BC'", "MR377", InputError),
        ("1 / (id - 1)", "MR372", CampaignError),
        ("(SELECT g FROM generate_series(1, 2) g)", "MR372", CampaignError),
    ],
)
def test_values_that_cannot_be(
    from_server: Opened, table: Read, expression: str, code: str, kind: type[MailrayError]
) -> None:
    source = from_server(f"SELECT id, {expression} AS it FROM generate_series(1, 3) AS id")
    with pytest.raises(kind) as caught:
        table(source)
    assert caught.value.diagnostics[0].code == code


def test_json_that_is_not_what_it_is_said_to_be(from_server: Opened, table: Read) -> None:
    source = from_server("SELECT 1 AS id, '[1, \"a\"]'::json AS it", types={"it": pa.list_(pa.int32())})
    with pytest.raises(InputError, match=r"MR377.*`it`"):
        table(source)
