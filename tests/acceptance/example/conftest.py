"""The example campaign's counts, by SQL over its files and without the engine."""

from __future__ import annotations

import csv
import gzip
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "spring_menswear"


@dataclass(frozen=True)
class Expected:
    """What a plan of the example must count. `reachable` = eligible + held out."""

    recipients: int
    verdicts: dict[str, int]  # with 'reachable' for the last two
    segments: dict[str, int]  # rows of the audience
    segments_reachable: dict[str, int]
    tiers_reachable: dict[str, int]
    line_reachable: dict[str, int]  # by target of the step 'line'
    keys_by_verdict: dict[str, frozenset[str]] = field(repr=False)

    @property
    def reachable(self) -> int:
        return self.verdicts["reachable"]


@pytest.fixture(scope="session")
def example() -> Path:
    return EXAMPLE


@pytest.fixture(scope="session")
def experiment() -> list[dict[str, str]]:
    """The experiment's file as published, all text."""
    with gzip.open(EXAMPLE / "hillstrom.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def counted(experiment: list[dict[str, str]]) -> Iterator[sqlite3.Connection]:
    """A database with what expected.sql defines."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE hillstrom(row INTEGER PRIMARY KEY, recency INT, history REAL, mens INT, womens INT, "
        "zip_code TEXT, newbie INT, channel TEXT)"
    )
    names = ("recency", "history", "mens", "womens", "zip_code", "newbie", "channel")
    connection.executemany(
        "INSERT INTO hillstrom VALUES (?,?,?,?,?,?,?,?)",
        ((row, *(record[name] for name in names)) for row, record in enumerate(experiment)),
    )
    columns = ["customer_id", "email", "subscribed", "loyalty_points"]
    people = pq.read_table(EXAMPLE / "audience.parquet", columns=columns)
    connection.execute("CREATE TABLE person(row INTEGER PRIMARY KEY, customer_id, email, subscribed, loyalty_points)")
    connection.executemany(
        "INSERT INTO person VALUES (?,?,?,?,?)",
        (
            (row, *values)
            for row, values in enumerate(zip(*(people[name].to_pylist() for name in columns), strict=True))
        ),
    )
    connection.execute("CREATE TABLE suppression(email TEXT)")
    with (EXAMPLE / "suppression.csv").open(encoding="utf-8", newline="") as file:
        connection.executemany("INSERT INTO suppression VALUES (:email)", list(csv.DictReader(file)))
    connection.executescript(Path(__file__).with_name("expected.sql").read_text(encoding="utf-8"))
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def expected(counted: sqlite3.Connection) -> Expected:
    def count(by: str, view: str, where: str = "true") -> dict[str, int]:
        return dict(counted.execute(f"SELECT {by}, count(*) FROM {view} WHERE {where} GROUP BY 1 ORDER BY 1"))

    verdicts = count("verdict", "judged")
    return Expected(
        recipients=sum(verdicts.values()),
        verdicts=verdicts,
        segments=count("segment", "segmented"),
        segments_reachable=count("segment", "segmented", "verdict = 'reachable'"),
        tiers_reachable=count("tier", "judged", "verdict = 'reachable'"),
        line_reachable=count("line", "judged", "verdict = 'reachable'"),
        keys_by_verdict={
            verdict: frozenset(
                key for (key,) in counted.execute("SELECT customer_id FROM judged WHERE verdict = ?", (verdict,))
            )
            for verdict in verdicts
        },
    )
