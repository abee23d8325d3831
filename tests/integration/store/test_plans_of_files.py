"""How SQLite answers every statement of suppression, caps, feedback, messages' index and queue: by an index, for their tables grow."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources

import pytest

from engine.adapters.stores.statements import statement

FOLDERS = ("suppression", "caps", "feedback", "deliveries", "queue_sqlite")
INDEXES = {  # where the primary key would be read from end to end
    ("suppression", "changed"): "suppression_version",
    ("caps", "count"): "reservation_recipient",
    ("caps", "held"): "reservation_open",
    ("feedback", "first_of"): "event_key",
    ("feedback", "soft_bounces"): "event_soft",
    ("deliveries", "find_message"): "delivery_message",
    ("queue_sqlite", "take"): "item_order",
    ("queue_sqlite", "take_lapsed"): "item_order",
}
WHOLE = {  # reads all rows, of a tenant or of all
    ("caps", "forget"),  # once, when a partition begins
    ("feedback", "counts"),
    ("queue_sqlite", "depths"),  # a row a priority
    ("suppression", "next_version"),  # of one row
    ("suppression", "read_version"),
}


def every() -> list[tuple[str, str]]:
    sql = resources.files("engine.adapters.stores").joinpath("sql")
    found = [(folder, file.name.removesuffix(".sql")) for folder in FOLDERS for file in sql.joinpath(folder).iterdir()]
    return sorted(each for each in found if each[1] != "schema")


@pytest.fixture(scope="module")
def made() -> Iterator[dict[str, sqlite3.Connection]]:
    """A file's tables for each folder, without statistics: nobody has SQLite make any."""
    connections = {folder: sqlite3.connect(":memory:") for folder in FOLDERS}
    for folder, connection in connections.items():
        connection.executescript(statement(folder, "schema"))
    yield connections
    for connection in connections.values():
        connection.close()


@pytest.mark.parametrize(("folder", "name"), every())
def test_each_is_found_by_an_index(made: dict[str, sqlite3.Connection], folder: str, name: str) -> None:
    text = statement(folder, name)
    numbered = [int(each) for each in re.findall(r"\?(\d)", text)]
    with closing(made[folder].cursor()) as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {text}", [1] * max(numbered, default=text.count("?")))
        told = [row[3] for row in cursor.fetchall() if "json_each" not in row[3]]
    through = [each for each in told if each.startswith("SCAN") or each.endswith("(tenant=?)")]
    assert bool(through) == ((folder, name) in WHOLE), told
    assert INDEXES.get((folder, name), "") in "".join(told), told
