"""How each database answers every statement of the store: by an index, for its tables grow with the audience.

What is read from end to end is what a write has brought (a temporary table), and arrays of what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import psycopg
import pyarrow as pa
import pytest

from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.statements import statement
from engine.adapters.stores.store_postgres import PostgresStore
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.store import INSTANT, Write

ROWS, TENANTS = 12_000, 5_000
BROUGHT = {  # by a write, into a temporary table; and a column of it
    **{"incoming_users": "user_id", "incoming_attributes": "user_id", "incoming_memberships": "user_id"},
    **{"incoming_events": "user_id", "incoming_entries": "user_id", "incoming_executions": "execution_id"},
    **{"incoming_history": "execution_id", "incoming_effects": "execution_id"},
    "incoming_measured": "execution_id",
}


def names(folder: str) -> list[str]:
    """The statements of a folder but those that make tables."""
    files = resources.files("engine.adapters.stores").joinpath("sql", folder).iterdir()
    stems = sorted(file.name.removesuffix(".sql") for file in files)
    return [stem for stem in stems if not stem.startswith(("migration_", "incoming"))]


INDEXES = {  # those of the source of the tables, and who asks by them
    "active_members": {"idx_users_workflow_data", "idx_user_segments"},
    "memberships": {"idx_user_segments"},
    "events_of": {"idx_email_engagement"},
    "due": {"idx_workflow_executions_due"},
    "alive_of_users": {"idx_workflow_executions"},
    "due_effects": {"idx_workflow_effects"},
}
SCANNED = {
    "count_executions": {"workflow_executions"},  # all of a workflow are counted, which may be all there are
    **{
        "free_executions": {"workflow_executions"},
        "free_effects": {"workflow_effects", "idx_workflow_effects"},
    },  # once, when a job begins
}

OF_A_TENANT = {
    "latest",
    "store_latest",
    "store_latest_event",
    "workflow_definitions",
}  # few rows of each, and no other table is read through

VALUES: dict[str, Any] = {
    **{"tenant": "tenant 7", "ids": "{u00010,u00020,u00030}", "types": "{behavioral,demographic}", "most": 100},
    **{"run": "run", "step": "step", "key": "key", "sequence": 5, "version": 10**15, "before": 1, "after": 11_900},
    **{"users": "{u00001}", "nulls": True, "rows": 10, "last": 10**15 + 10},
    **dict.fromkeys(("email", "first_name", "subscription_status", "time_zone", "created_at", "last_activity"), 5),
    **{"attributes": 5, "workflow": "workflow 1", "definition": "{}", "user": "u00010", "states": "{failed}"},
    **{"now": 10**15, "at": "2026-03-01T00:00:00Z", "until": 10**15, "again_after": 1, "names": "{n10,n20}"},
    **{"workflows": "{workflow 1,workflow 2}", "kinds": "{send,call}", "not_while": "{workflow 1,workflow 2}"},
    **{"only_after": "{workflow 3,workflow 4}", "needed": 2, "claims": "{1,2,3}", "name": "mark 2", "value": "5"},
    **{"owner": "worker-1", "gone": "{worker-2,worker-3}"},
}
OTHERS = {
    "executions_of_workflow": {"after": "x05000"},
    "page": {"after": "u05000"},
    "definition": {"version": "v1"},
    "update_same_names": {"names": "{}"},
    **{name: {"now": VALUES["at"]} for name in ("cancel", "retry")},
}
SINCE = {"active_members": "2026-03-01T00:00:00Z", "events_of": "2026-03-01T00:00:00Z", "changed": ROWS - 20}


TENANT = "CASE WHEN n % 2 = 0 THEN 'tenant 7' ELSE 'tenant ' || n % 400 END"
WHEN = "'2026-03-10T00:00:00Z'::timestamptz - n * interval '10 minutes'"
FILL = (
    f"INSERT INTO mailray.users (tenant, user_id, email, first_name, subscription_status, last_activity, attributes, "
    f"version, name_sequences) SELECT {TENANT}, 'u' || lpad(n::text, 5, '0'), n || '@example.com', 'Ann', "
    f"CASE WHEN n % 3 = 0 THEN 'unsubscribed' ELSE 'active' END, "
    f"{WHEN}, '{{\"tier\": \"gold\"}}', n, '{{}}' "
    f"FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.user_segments SELECT {TENANT}, 'u' || lpad(n::text, 5, '0'), 'behavioral', type, true, now(), 1, n "
    f"FROM generate_series(1, {ROWS}) AS n, unnest(ARRAY['a', 'b']) AS type",
    f"INSERT INTO mailray.email_events SELECT {TENANT}, n, 'e' || n, 'u' || lpad((n % 2000)::text, 5, '0'), 'opened', "
    f"{WHEN} FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.store_writes SELECT {TENANT}, 'run', 'step', 'key ' || n, n FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.store_changes SELECT {TENANT}, n, ARRAY['u1'] FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.store_latest SELECT 'tenant ' || n, n, 0, 0 FROM generate_series(1, {TENANTS}) AS n",
    f"INSERT INTO mailray.store_latest_event SELECT 'tenant ' || n, n FROM generate_series(1, {TENANTS}) AS n",
    f"INSERT INTO mailray.workflow_executions (tenant, execution_id, workflow_id, version, user_id, trigger, status, step, "
    f"occurrence, retry_count, moves, claim, seen, execution_time, arrived_at, due) SELECT {TENANT}, "
    f"'x' || lpad(n::text, 5, '0'), 'workflow ' || n % 7, 'v1', 'u' || n % 2000, 'event:opened', "
    f"CASE WHEN n % 5 = 0 THEN 'ready' ELSE 'done' END, 'first', 0, 0, 1, 0, 0, {WHEN}, {WHEN}, {WHEN} "
    f"FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.workflow_history SELECT {TENANT}, 'x' || lpad(n::text, 5, '0'), 0, {WHEN}, 'first', NULL, 0, 1, "
    f"'entered', NULL, NULL, 0, 0, 0 FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.workflow_effects SELECT {TENANT}, 'n' || n, 'send', 'x' || n, 'workflow 1', 'u' || n, 'first', '0', "
    f"{WHEN}, '{{}}', 0, n % 5 > 0 FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.workflow_measured SELECT {TENANT}, 'x' || lpad(n::text, 5, '0'), 1, 1, 1, 1, 1 "
    f"FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.workflow_marks SELECT {TENANT}, 'mark ' || n, n FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.workflow_definitions SELECT {TENANT}, 'workflow ' || n, 'v1', '{{}}' FROM generate_series(1, {ROWS}) AS n",
    "VACUUM ANALYZE",
)


@pytest.fixture(scope="module")
def filled(server: Any) -> Iterator[psycopg.Connection[Any]]:
    """A session in tables of so many rows, a half of them one tenant's, that the planner knows."""
    pool = PostgresPool(parse_database(server.url, server.password, STORE), [], PoolLimits(min_connections=1), lag=0)
    with closing(PostgresStore(pool, "plans")) as store:
        store.version()  # the tables are made
    with psycopg.connect(server.url, password=server.password, autocommit=True) as connection:
        for text in FILL:
            connection.execute(text)
        with connection.transaction(force_rollback=True):
            for name, column in BROUGHT.items():
                connection.execute(statement("store_postgres", name))
                connection.execute(f"INSERT INTO {name} ({column}) SELECT 'u' || n FROM generate_series(1, 20) AS n")
                connection.execute(f"ANALYZE {name}")
            yield connection


@pytest.mark.parametrize("name", names("store_postgres"))
def test_postgresql_finds_by_an_index(filled: psycopg.Connection[Any], name: str) -> None:
    values = VALUES | {"since": SINCE.get(name)} | OTHERS.get(name, {})
    text = psycopg.ClientCursor(filled).mogrify(statement("store_postgres", name), values)
    with filled.transaction(force_rollback=True):
        if name == "active_members":
            filled.execute(statement("store_postgres", "in_order"))
        ((plan,),) = filled.execute(f"EXPLAIN (FORMAT JSON) {text}").fetchall()
    nodes = list(walked(plan[0]["Plan"]))
    scanned = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    assert scanned <= {*BROUGHT, *SCANNED.get(name, ())}
    whole = [node for node in nodes if node.get("Index Cond") == "(tenant = 'tenant 7'::text)"]
    read = {node.get("Relation Name", node["Index Name"]) for node in whole}
    assert read <= {*OF_A_TENANT, *SCANNED.get(name, ())}
    assert INDEXES.get(name, set()) <= {node.get("Index Name") for node in nodes}


def walked(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("Plans", ()):
        yield from walked(each)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of some thousand people, without statistics: nobody has SQLite make any."""
    path = tmp_path_factory.mktemp("plans") / "store.sqlite"
    people, at = pa.array([f"u{n}" for n in range(3_000)]), pa.array([1] * 3_000, INSTANT)
    texts = pa.array(["active"] * 3_000)
    with closing(SqliteStore(path, "tenant 7")) as store:
        columns = {"user_id": people, "subscription_status": texts, "last_activity": at}
        store.put_users(pa.record_batch(columns), Write("run", "step", "users", 1))
        entered = {"user_id": people, "segment_type": texts, "segment_value": texts}
        active = {"active": pa.array([True] * 3_000), "created_at": at}
        store.put_memberships(pa.record_batch({**entered, **active}), Write("run", "step", "members", 1))
        store.put_events(
            pa.record_batch({"event_id": people, "user_id": people, "event_type": texts, "event_time": at})
        )
    return path


@pytest.fixture(scope="module")
def cursor(file: Path) -> Iterator[Any]:
    with closing(adbc.connect(f"file:{file}", autocommit=True)) as connection, connection.cursor() as cursor:
        for text in statement("store_sqlite", "incoming").split(";")[:-1]:
            cursor.execute(text)
        yield cursor


@pytest.mark.parametrize("name", names("store_sqlite"))
def test_sqlite_finds_by_an_index(cursor: Any, name: str) -> None:
    text = statement("store_sqlite", name)
    values = [1] * max((int(each) for each in re.findall(r"\?(\d)", text)), default=0)
    cursor.execute(f"EXPLAIN QUERY PLAN {text}", values or None)
    told = "\n".join(row[3] for row in cursor.fetchall())
    real = {"users", "known", "user_segments", "segment", "email_events", "writes", "latest", "changes", "open"}
    real |= {"workflow_executions", "workflow_history", "workflow_effects", "workflow_definitions"}
    real |= {"workflow_measured", "workflow_marks", "found"}
    assert not {*re.findall(r"SCAN (\w+)", told)} & real, told
    assert {*re.findall(r"SEARCH (\w+) .*\(tenant=\?\)", told)} <= OF_A_TENANT | SCANNED.get(name, set()), told
    assert INDEXES.get(name, set()) <= {*re.findall(r"INDEX (\w+)", told)}, told
