"""The example campaign with its audience in a database."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "spring_menswear"
COLUMNS = """
    customer_id text PRIMARY KEY, email text, first_name text, last_name text, timezone text, subscribed boolean, signup_date date,
    loyalty_points integer, recency integer, history_segment text, history double precision, mens boolean, womens boolean,
    zip_code text, newbie boolean, channel text, segment text, visit boolean, conversion boolean, spend double precision,
    last_orders {json}"""
ORDERS = "STRUCT(sku VARCHAR, name VARCHAR, price DOUBLE, quantity INTEGER)[]"
WIDTHS = "loyalty_points: INTEGER\n    recency: INTEGER\n    "
SOURCES = {
    "sqlite": f"source: sqlite:///people.db\n  query: SELECT * FROM customers\n  types:\n    {WIDTHS}last_orders: {ORDERS}",
    "postgresql": "source: {url}\n  password: env:AUDIENCE_PASSWORD\n  query: |-\n    SELECT *\n    FROM spring.customers;\n"
    f"  types:\n    last_orders: {ORDERS}",
}


@pytest.fixture(scope="session")
def people() -> pa.Table:
    """The example's audience backwards, with lists as JSON."""
    table = pq.read_table(EXAMPLE / "audience.parquet")
    orders = pa.array([None if each is None else json.dumps(each) for each in table["last_orders"].to_pylist()])
    table = table.set_column(table.schema.get_field_index("last_orders"), "last_orders", orders)
    return table.take(pa.array(range(table.num_rows - 1, -1, -1)))


@pytest.fixture(scope="session")
def database_of(postgres: Any, people: pa.Table) -> Iterator[Callable[[str, Path], str]]:
    """Make a campaign's database, and give what its audience says of it."""
    with connected(postgres) as connection:
        execute(connection, "CREATE SCHEMA spring")
        execute(connection, f"CREATE TABLE spring.customers ({COLUMNS.format(json='text')})")
        ingest(connection, people, db_schema_name="spring")
        execute(connection, "ALTER TABLE spring.customers ALTER last_orders TYPE jsonb USING last_orders::jsonb")

    def made(kind: str, folder: Path) -> str:
        if kind == "sqlite":
            with adbc_driver_sqlite.dbapi.connect(str(folder / "people.db")) as connection:
                execute(connection, f"CREATE TABLE customers ({COLUMNS.format(json='json')})")
                ingest(connection, people)
        return SOURCES[kind].replace("{url}", postgres.url)

    yield made
    with connected(postgres) as connection:
        execute(connection, "DROP SCHEMA spring CASCADE")


@contextmanager
def connected(postgres: Any) -> Iterator[Any]:
    with adbc_driver_postgresql.dbapi.connect(postgres.url.replace("@", f":{postgres.password}@")) as connection:
        yield connection


def execute(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.commit()


def ingest(connection: Any, table: pa.Table, **options: Any) -> None:
    with connection.cursor() as cursor:
        cursor.adbc_ingest("customers", table, mode="append", **options)
    connection.commit()


@pytest.fixture
def spring(tmp_path: Path, database_of: Callable[[str, Path], str]) -> Callable[[str], Path]:
    """The example with its audience in a database of this kind."""

    def copied(kind: str) -> Path:
        folder = tmp_path / f"spring-{kind}"
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("audience.parquet", "*.gz"))
        file = folder / "campaign.yaml"
        text = file.read_text(encoding="utf-8")
        assert "source: audience.parquet" in text
        file.write_text(text.replace("source: audience.parquet", database_of(kind, folder)), encoding="utf-8")
        return folder

    return copied


@pytest.fixture
def shop(campaign: Path, postgres: Any) -> Iterator[Path]:
    """The campaign that `mailray init` makes, with its customers in PostgreSQL."""
    file = campaign / "campaign.yaml"
    source = (
        f"source: {postgres.url}\n  password: env:AUDIENCE_PASSWORD\n  query: |\n    SELECT *\n    FROM shop\n"
        "  where: orders >= 0 AND lower(email) <> 'nobody'"
    )
    file.write_text(file.read_text(encoding="utf-8").replace("source: customers.csv", source), encoding="utf-8")
    customers = pyarrow.csv.read_csv(campaign / "customers.csv")
    (campaign / "customers.csv").unlink()
    with connected(postgres) as connection:
        with connection.cursor() as cursor:
            cursor.adbc_ingest("shop", customers, mode="replace")
        connection.commit()
    yield campaign
    with connected(postgres) as connection:
        execute(connection, "DROP TABLE IF EXISTS shop")


@pytest.fixture
def password(postgres: Any) -> dict[str, str]:
    """What the environment must hold."""
    return {"AUDIENCE_PASSWORD": postgres.password}
