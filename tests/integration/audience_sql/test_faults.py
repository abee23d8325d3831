"""What a user gets wrong about an audience in a database is told with code, exit code, place and help, and never with a secret."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.assembly.campaign import open_campaign
from engine.assembly.run import create_run
from engine.assembly.settings import AppSettings
from engine.errors import Diagnostic, MailrayError, MissingInputError, ServiceError, TryAgainError
from engine.monitoring import Stages

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
CAMPAIGN = """\
name: spring
type: welcome_series
audience:
  {source}
  key: id
  where: visits > 1
workflow:
  - id: hello
    type: send_email
    template: hello
delivery:
  from: {{address: news@example.com}}
  unsubscribe: {{url: "https://example.com/u/"}}
  postal_address: 1 Main Street
  secret: file:secret.key
"""
PEOPLE = "SELECT 1 AS id, 'a@example.com' AS email, 3 AS visits"
Campaign = Callable[[str], Path]


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """A campaign whose audience begins with these lines."""

    def written(source: str) -> Path:
        (tmp_path / "templates").mkdir(exist_ok=True)
        (tmp_path / "secret.key").write_text("a secret of thirty-two characters")
        (tmp_path / "templates" / "hello.html.j2").write_text("Hello {{ id }}")
        (tmp_path / "templates" / "hello.subject.j2").write_text("Hello")
        (tmp_path / "campaign.yaml").write_text(CAMPAIGN.format(source=source.replace("\n", "\n  ")))
        return tmp_path

    return written


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch, postgres: Any) -> None:
    monkeypatch.setenv("PASSWORD", postgres.password)
    monkeypatch.setenv("OTHER", "quite-another-one")


def faults_of(folder: Path) -> tuple[int, tuple[Diagnostic, ...]]:
    with pytest.raises(MailrayError) as caught:
        open_campaign(folder, NOW)
    assert "not-a-secret" not in str(caught.value) + repr(caught.value.__cause__)
    assert "quite-another-one" not in str(caught.value) + repr(caught.value.__cause__)
    return caught.value.exit_code, caught.value.diagnostics


@dataclass(frozen=True)
class Case:
    """What an audience says, and what is said of it: ``at`` is the place as line:column, or a part of what stands for it."""

    source: str
    code: str
    exit_code: int
    at: str | None = None
    words: str = ""
    help: str = ""


QUERY = "source: {url}\npassword: env:PASSWORD\nquery: "
CASES = {
    "no-server": Case(
        f"source: postgresql://me@127.0.0.1:1/shop\nquery: {PEOPLE}", "MR370", 69, "postgresql://127.0.0.1:1/shop"
    ),
    "wrong-password": Case(
        f"source: {{url}}\npassword: env:OTHER\nquery: {PEOPLE}", "MR371", 69, "postgresql://127.0.0.1:", "authentication"
    ),
    "no-password": Case(f"source: {{url}}\nquery: {PEOPLE}", "MR371", 69, None, "no password supplied"),
    "no-such-database": Case(f"source: {{url}}x\npassword: env:PASSWORD\nquery: {PEOPLE}", "MR371", 69, None, "postgresx"),
    "secret-missing": Case(f"source: {{url}}\npassword: env:NOWHERE\nquery: {PEOPLE}", "MR161", 78),
    "syntax": Case(f"{QUERY}SELECT id FROM WHERE x", "MR372", 78, "6:25"),
    "syntax-in-a-block": Case(f"{QUERY}|\n  SELECT id\n  FROM (SELECT 1 AS id) AS p\n  ORDER ids", "MR372", 78, "9:5"),
    "quote": Case(f"{QUERY}SELECT id FROM people WHERE name = 'x", "MR372", 78, "6:45", "a quote is not closed"),
    "column": Case(
        f"{QUERY}|\n  SELECT id,\n    p.emial\n  FROM (SELECT 1 AS id, '' AS email) AS p", "MR372", 78, "8:7", "p.emial", "p.email"
    ),
    "table": Case(f"{QUERY}SELECT * FROM poeple", "MR372", 78, "6:24", "poeple"),
    "function": Case(f"{QUERY}SELECT nosuch(1) AS id", "MR372", 78, "6:17", "nosuch"),
    "two-statements": Case(f"{QUERY}SELECT 1 AS id; DROP TABLE people", "MR373", 78, "6:26"),
    "delete": Case(f"{QUERY}DELETE FROM people", "MR373", 78, "6:10"),
    "delete-in-with": Case(f"{QUERY}WITH x AS (DELETE FROM people RETURNING *) SELECT * FROM x", "MR373", 78, "6:10"),
    "into": Case(f"{QUERY}SELECT * INTO other FROM people", "MR373", 78, "6:10"),
    "for-update": Case(f"{QUERY}SELECT * FROM people FOR UPDATE", "MR373", 78, "6:10"),
    "break-out": Case(f"{QUERY}SELECT 1) AS audience; DROP TABLE people; --", "MR372", 78, "6:18"),
    "set": Case(f"{QUERY}SET default_transaction_read_only = off", "MR373", 78, "6:10"),
    "copy": Case(f"{QUERY}COPY people TO '/tmp/people'", "MR373", 78, "6:10"),
    "twice": Case(f"{QUERY}SELECT 1 AS id, 2 AS id", "MR381", 78, "6:10", "two columns `id`"),
    "no-key": Case(f"{QUERY}SELECT 1 AS idd, '' AS email, 2 AS visits", "MR351", 65, None, "`id`", "did you mean `idd`?"),
    "no-column": Case(f"{QUERY}SELECT 1 AS id, '' AS email, 2 AS visit", "MR201", 78, "8:10", "`visits`", "`visit`?"),
    "naive": Case(
        f"{QUERY}SELECT 1 AS id, '' AS email, 1 AS visits, now()::timestamp AS seen\ntypes: {{{{}}}}", "MR376", 65, "6:10", "`seen`",
        "seen AT TIME ZONE 'UTC' AS seen",
    ),
    "no-type": Case(f"{QUERY}{PEOPLE}\ntypes: {{{{id: INTEGR}}}}", "MR384", 78, "7:15", "`INTEGR` is no type"),
    "type-of-nothing": Case(f"{QUERY}{PEOPLE}\ntypes: {{{{vists: INTEGER}}}}", "MR384", 78, "7:11", "`vists`", "`visits`?"),
    "sqlite-missing": Case(f"source: sqlite:///nowhere.db\nquery: {PEOPLE}", "MR378", 66, None, "nowhere.db"),
    "sqlite-none": Case(f"source: sqlite:///secret.key\nquery: {PEOPLE}", "MR379", 65, None, "secret.key"),
    "no-query": Case("source: sqlite:///nowhere.db", "MR374", 78, "4:3", "audience.query"),
    "query-of-files": Case(f"source: people.csv\nquery: {PEOPLE}", "MR374", 78, "5:3", "`audience.query`"),
    "types-of-files": Case("source: people.csv\ntypes: {{id: INTEGER}}", "MR374", 78, "5:3", "`audience.types`"),
    "format-of-a-database": Case(f"source: sqlite:///a.db\nquery: {PEOPLE}\nformat: csv", "MR374", 78, "6:3", "format"),
    "password-of-a-file": Case(f"source: sqlite:///a.db\nquery: {PEOPLE}\npassword: env:X", "MR374", 78, "6:3", "password"),
    "mysql": Case(f"source: mysqlite:///a.db\nquery: {PEOPLE}", "MR375", 78, "4:11", "mysqlite", "`sqlite`"),
    "postgres": Case(f"source: postgres://me@db.example.com/shop\nquery: {PEOPLE}", "MR375", 78, "4:11", "", "`postgresql`"),
    "no-database": Case(f"source: postgresql://me@db.example.com\nquery: {PEOPLE}", "MR375", 78, "4:11", "names no database"),
    "bad-port": Case(f"source: postgresql://me@db.example.com:x/shop\nquery: {PEOPLE}", "MR375", 78, "4:11", "cannot be read"),
    "sqlite-on-a-host": Case(f"source: sqlite://people.db\nquery: {PEOPLE}", "MR375", 78, "4:11", "on no host"),
    "inline-password": Case(f"source: {{url}}\npassword: hunter2\nquery: {PEOPLE}", "MR154", 78, "5:13"),
    "password-in-the-url": Case(f"source: postgresql://me:hunter2@db.example.com/shop\nquery: {PEOPLE}", "MR154", 78, "4:11"),
    "password-in-an-option": Case(
        f"source: postgresql://me@db.example.com/shop?password=hunter2\nquery: {PEOPLE}", "MR154", 78, "4:3"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_told_with_its_place(campaign: Campaign, postgres: Any, name: str) -> None:
    case = CASES[name]
    folder = campaign(case.source.replace("{url}", postgres.url).replace("{{", "{").replace("}}", "}"))
    if name == "naive":
        file = folder / "campaign.yaml"
        file.write_text(file.read_text().replace("where: visits > 1", "where: seen > now()"))
    exit_code, faults = faults_of(folder)
    (fault,) = faults
    assert (fault.code, exit_code) == (case.code, case.exit_code), str(fault)
    assert case.words in fault.message
    assert case.help in (fault.help or "")
    assert "hunter2" not in str(fault)
    if case.at is not None:
        assert case.at in str(fault.place), str(fault)


def rows_of(folder: Path) -> int:
    opened = open_campaign(folder, NOW)
    selected = opened.selection().batches(opened.definition.audience, opened.campaign.audience.key)
    return sum(batch.num_rows for batch in selected)


def test_a_time_limit(campaign: Campaign, postgres: Any) -> None:
    slow = "SELECT 1 AS id, '' AS email, 3 AS visits, pg_sleep(60)"
    url = f"{postgres.url}?options=-c%20statement_timeout%3D50"
    with pytest.raises(TryAgainError, match=r"MR382.*statement timeout"):
        rows_of(campaign(f"source: {url}\npassword: env:PASSWORD\nquery: {slow}\ntypes: {{pg_sleep: VARCHAR}}"))


def test_a_server_that_is_lost_on_the_way(own_postgres: Any, campaign: Campaign) -> None:
    many = "SELECT i AS id, repeat('x', 2000) AS email, 3 AS visits FROM generate_series(1, 40000) AS i"
    folder = campaign(f"source: {own_postgres.url}\npassword: env:PASSWORD\nquery: {many}")
    opened = open_campaign(folder, NOW)
    batches = opened.selection().batches(opened.definition.audience, "id")
    assert next(batches).num_rows
    own_postgres.kill()
    with pytest.raises(ServiceError, match="MR370"):
        list(batches)
    with pytest.raises(ServiceError, match="MR370"):
        open_campaign(folder, NOW)


class Silent:
    def phase(self, name: str, total: int) -> None: ...

    def done(self, rows: int, counts: Any) -> None: ...


@pytest.mark.parametrize("where", ["WHERE false", ""])
def test_nobody(campaign: Campaign, postgres: Any, tmp_path: Path, where: str) -> None:
    query = f"SELECT 1 AS id, 'a@example.com' AS email, 0 AS visits {where}"
    folder = campaign(f"source: {postgres.url}\npassword: env:PASSWORD\nquery: {query}")
    settings = AppSettings(runs=tmp_path / "runs", transport="rehearsal:")
    opened = create_run(open_campaign(folder, NOW), tmp_path / "run", settings)
    run = opened.campaign_run(Stages(lambda: 0.0), Silent())
    with pytest.raises(MissingInputError) as caught:
        run.freeze(opened.selection())
    (fault,) = caught.value.diagnostics
    assert (fault.code, f"has {0 if where else 1} rows" in fault.message) == ("MR355", True)
    assert ("query" in (fault.help or "")) == bool(where)


def test_no_secret_leaves_the_process(campaign: Campaign, postgres: Any, tmp_path: Path) -> None:
    folder = campaign(f"source: {postgres.url}\npassword: env:PASSWORD\nquery: {PEOPLE}")
    settings = AppSettings(runs=tmp_path / "runs", transport="rehearsal:")
    opened = create_run(open_campaign(folder, NOW), tmp_path / "run", settings)
    assert opened.campaign_run(Stages(lambda: 0.0), Silent()).freeze(opened.selection()).rows == 1
    assert postgres.password.encode() not in pickle.dumps(opened.job)  # what Ray's workers are sent
    written = [each.read_bytes() for each in (tmp_path / "run").rglob("*") if each.is_file()]
    assert written and not any(postgres.password.encode() in each for each in written)
    assert postgres.password not in repr(opened.campaign.source.__dict__)


def test_the_frozen_rows_alone_are_the_digest(campaign: Campaign, postgres: Any, tmp_path: Path) -> None:
    digests = set()
    for number, query in enumerate((PEOPLE, f"SELECT * FROM ({PEOPLE}) AS p", f"{PEOPLE} -- the same")):
        folder = campaign(f"source: {postgres.url}\npassword: env:PASSWORD\nquery: {query!r}")
        settings = AppSettings(runs=tmp_path / "runs", transport="rehearsal:")
        opened = create_run(open_campaign(folder, NOW), tmp_path / f"run{number}", settings)
        digests.add(opened.campaign_run(Stages(lambda: 0.0), Silent()).freeze(opened.selection()).digest)
    assert len(digests) == 1
