"""The example campaign from its file, from SQLite and from PostgreSQL is the same campaign."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

NOW = ("--now", "2026-03-01T09:00:00+00:00", "--runner", "inline")
EXAMPLE = Path(__file__).parents[3] / "examples" / "spring_menswear"


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The plan from the file that comes with the example."""
    return {}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_outbox_is_the_same(
    mailray: Callable[..., Any], spring: Callable[[str], Path], password: dict[str, str], kind: str, from_file: Any
) -> None:
    if not from_file:
        from_file.update(mailray("plan", EXAMPLE, *NOW, "--json").json)
    done = mailray("plan", spring(kind), *NOW, "--json", env=password)
    assert done.code == 0, done.err
    plan = done.json
    assert plan["outbox_digest"] == from_file["outbox_digest"]
    assert plan["audience"] == from_file["audience"]
    assert plan["plan"] == from_file["plan"]
    where = {
        "postgresql": ("recency <= 12 AND (mens OR womens)", None),
        "sqlite": ("(mens OR womens)", "(recency <= 12)"),
    }
    assert (plan["pushdown"]["pushed"], plan["pushdown"]["here"]["where"]) == where[kind]
    assert plan["pushdown"]["to"] == "database"


def test_a_run_goes_on_from_what_it_has_frozen(
    mailray: Callable[..., Any], shop: Path, password: dict[str, str], postgres: Any, tmp_path: Path
) -> None:
    unreachable = ("--transport", "smtp://127.0.0.1:9")
    failed = mailray("run", shop, *NOW, *unreachable, "--run-dir", "one", env=password)
    assert failed.code == 69, failed.err
    with psycopg.connect(postgres.url, password=postgres.password, autocommit=True) as connection:
        connection.execute("DROP TABLE shop")
    # Neither the table nor the password is there any more, and nobody asks for them.
    done = mailray("resume", "one", "--runner", "inline", "--transport", "rehearsal:", "--json")
    assert done.json["outcomes"]["accepted"] == done.json["plan"]["messages"] > 0, done.err
    kept = [path.read_bytes() for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert not any(postgres.password.encode() in each for each in kept)
    assert b"env:AUDIENCE_PASSWORD" in b"".join(kept)


def test_plan_says_what_was_pushed(mailray: Callable[..., Any], shop: Path, password: dict[str, str]) -> None:
    told = mailray("plan", shop, *NOW, env=password)
    assert "pushed to the database: (orders >= 0)" in told.out, told.err
    assert "evaluated here: where (LOWER(email) <> 'nobody'); segments buyers" in told.out


def test_validate_looks_at_the_query(mailray: Callable[..., Any], shop: Path, password: dict[str, str]) -> None:
    file = shop / "campaign.yaml"
    file.write_text(file.read_text().replace("SELECT *", "SELECT costumer_id"))
    told = mailray("validate", shop, env=password)
    assert (told.code, "Traceback" in told.err) == (78, False)
    assert 'error[MR372]: the query is wrong: column "costumer_id" does not exist' in told.err
    assert f"--> {file}:12:12" in told.err
