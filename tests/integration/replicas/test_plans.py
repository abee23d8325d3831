"""How PostgreSQL answers every statement of suppression, caps, feedback and queue: by an index, for their tables grow with the audience."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from typing import Any

import psycopg
import pytest

from engine.adapters.feedback.event_log_postgres import PostgresEventLog
from engine.adapters.queues.postgres_queue import PostgresQueue
from engine.adapters.stores.caps_postgres import PostgresCaps
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.statements import statement
from engine.adapters.stores.suppression_postgres import PostgresSuppression

ROWS = 20_000
FOLDERS = ("suppression_postgres", "caps_postgres", "feedback_postgres", "queue_postgres")
WHOLE = ("counts", "depths")  # reads all of a tenant's events, and of its queue
INDEXES = {  # where the primary key would be read from end to end
    "changed": "suppression_version",
    "standing": "cap_reservation_recipient",
    "held": "cap_reservation_open",
    "forget": "cap_reservation_at",
    "forget_recipients": "cap_recipient_until",
    "first_of": "feedback_key",
    "soft_bounces": "feedback_soft",
    "take_lapsed": "queue_item_order",
}
KEYS = "CASE WHEN n % 2 = 0 THEN 'tenant' ELSE 'tenant ' || n % 400 END"
FILL = (
    f"INSERT INTO mailray.suppression SELECT {KEYS}, 'u' || n || '@example.com', '', 'manual', 'test', n, true, n "
    f"FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.suppression_latest SELECT 'tenant ' || n, n FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.cap_recipient SELECT {KEYS}, sha224(n::text::bytea), n FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.cap_reservation SELECT {KEYS}, sha224(n::text::bytea), sha224((n / 100)::text::bytea), "
    f"sha224(n::text::bytea), n, n % 100 = 0 FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.allowance SELECT {KEYS}, 'sender ' || n, n, 1 FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.feedback SELECT {KEYS}, 'e' || n, 'soft', 'test', n, sha224(n::text::bytea), "
    f"'u' || n || '@example.com', 'welcome', '', '' FROM generate_series(1, {ROWS}) AS n",
    f"INSERT INTO mailray.queue_item (item_id, tenant, workflow, priority, user_id, arrived) SELECT 'i' || n, {KEYS}, "
    f"'workflow ' || n % 7, 'normal', 'u' || n, n FROM generate_series(1, {ROWS}) AS n",
    "VACUUM ANALYZE",
)
VALUES: dict[str, Any] = {
    **{"tenant": "tenant", "list": "news", "after": "", "page": 100, "since": ROWS - 20, "most": 100, "version": 9},
    **{"name": "sender 2", "day": 2, "number": 1, "until": 9, "before": 20, "holder": b"h", "key": [b"k"]},
    **{"recipient": [b"r"], "id": ["e2"], "address": ["u2@example.com"]},
}
OTHERS: dict[str, dict[str, Any]] = {
    "entries": {"address": "u2@example.com"},
    "standing": {"after": 9},
    "add": {"list": [""], "reason": ["manual"], "source": ["test"], "at": [1]},
    "sent": {"at": [1]},
    "put": {name: ["x"] for name in ("item_id", "tenant", "workflow", "priority", "user_id", "payload")}
    | {"arrived": [1]},
    **{name: {"position": [1, 2]} for name in ("done", "hold")},
    **{name: {"workflow": "workflow 1", "lapse": 60} for name in ("take", "take_lapsed")},
    "append": {name: ["x"] for name in ("kind", "source", "campaign", "status", "detail")} | {"at": [1]},
}


def every() -> list[tuple[str, str]]:
    sql = resources.files("engine.adapters.stores").joinpath("sql")
    found = [(folder, file.name.removesuffix(".sql")) for folder in FOLDERS for file in sql.joinpath(folder).iterdir()]
    return sorted(each for each in found if not each[1].startswith("migration_"))


@pytest.fixture(scope="module")
def filled(postgres_kind: Any) -> Iterator[psycopg.Connection[Any]]:
    """A session in tables of so many rows, a half of them one tenant's, that the planner knows."""
    server = postgres_kind()
    server.start()
    pool = PostgresPool(parse_database(server.url, server.password, STORE), [], PoolLimits(min_connections=1), lag=0)
    with closing(pool):
        PostgresSuppression(pool, "other").version()  # the tables are made
        PostgresCaps(pool, "other").held(b"")
        PostgresEventLog(pool, "other").counts()
        PostgresQueue(pool).depths("other")
    with psycopg.connect(server.url, password=server.password, autocommit=True) as connection:
        for text in FILL:
            connection.execute(text)
        yield connection
    server.remove()


@pytest.mark.parametrize(("folder", "name"), every())
def test_each_is_found_by_an_index(filled: psycopg.Connection[Any], folder: str, name: str) -> None:
    text = statement(folder, name)
    for number, given in enumerate(("tenant", "address", "list", "page"), 1):
        text = text.replace(f"${number}", f"%({given})s")
    values = VALUES | OTHERS.get(name, {}) | ({"address": "u2@example.com"} if "$" in statement(folder, name) else {})
    ((plan,),) = filled.execute(
        f"EXPLAIN (FORMAT JSON) {psycopg.ClientCursor(filled).mogrify(text, values)}"
    ).fetchall()
    nodes = list(walked(plan[0]["Plan"]))
    scanned = [node for node in nodes if node["Node Type"] == "Seq Scan"]
    assert not scanned or name in WHOLE, scanned
    assert INDEXES.get(name) in {None, *(node.get("Index Name") for node in nodes)}, nodes


def walked(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("Plans", ()):
        yield from walked(each)
