"""`mailray ingest customers`: another system's pages, gone on with where they were left."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_store


@dataclass
class Crm:
    """Gives three customers a page, by cursor; ``broken`` pages answer 404."""

    url: str = ""
    customers: list[dict[str, Any]] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)


@pytest.fixture
def crm() -> Iterator[Crm]:
    told = Crm()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            start = int(self.path.partition("after=")[2] or 0)
            told.asked.append(start)
            rows = told.customers[start : start + 3]
            more = start + 3 if start + 3 < len(told.customers) else None
            content = json.dumps({"people": rows, "paging": {"next": more}}).encode()
            allowed = self.headers["Authorization"] == "Bearer crm-secret"
            self.send_response(401 if not allowed else 404 if start in told.broken else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/v1/people"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def known(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    def users(*ids: str) -> list[dict[str, Any]]:
        with closing(open_store(AppSettings.load(runs=tmp_path / "runs").stores_at)) as store:
            return list(store.users(pa.array(ids, pa.string())).to_pylist())

    return users


def options(crm: Crm) -> tuple[Any, ...]:
    names = ("--records", "people", "--next", "paging.next", "--cursor", "after", "--column", "user_id=id")
    return ("customers", crm.url, "--token", "env:CRM_TOKEN", *names, "--json")


SECRET = {"CRM_TOKEN": "crm-secret"}


def test_pages_are_gone_on_with_where_they_were(ingest: Any, crm: Crm, known: Any) -> None:
    crm.customers = [{"id": number, "email": f"c{number}@example.com", "tier": "gold"} for number in range(8)]
    crm.broken = {6}
    done = ingest(*options(crm), env=SECRET)
    assert done.code == 69
    assert "MR794" in done.err
    assert "crm-secret" not in done.out + done.err
    crm.broken = set()
    crm.asked.clear()
    done = ingest(*options(crm), env=SECRET)
    assert (done.code, done.json["changed"], crm.asked) == (0, 2, [6])
    rows = known("0", "7")
    assert [(each["email"], json.loads(each["attributes"])) for each in rows] == [
        ("c0@example.com", {"tier": "gold"}), ("c7@example.com", {"tier": "gold"}),
    ]  # fmt: skip


def test_a_reading_that_was_whole_begins_anew_and_the_last_word_holds(ingest: Any, crm: Crm, known: Any) -> None:
    for tier in ("gold", "silver", "gold"):
        crm.customers = [{"id": 1, "tier": tier}, {"id": 2}, {"id": None}]
        done = ingest(*options(crm), env=SECRET)
        assert (done.code, done.json["refused"]) == (1, 1)
        assert [json.loads(each["attributes"]) for each in known("1")] == [{"tier": tier}]
    assert crm.asked == [0, 0, 0]


def test_a_wrong_token(ingest: Any, crm: Crm) -> None:
    done = ingest(*options(crm), env={"CRM_TOKEN": "canary-token"})
    assert (done.code, "MR796" in done.err) == (77, True)
    assert "canary" not in done.out + done.err


def test_customers_of_a_file_keep_what_it_does_not_speak_of(ingest: Any, known: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,email,tier\nu1,ann@example.com,gold\n")
    (tmp_path / "b.csv").write_text("user_id,first_name\nu1,Anna\nu1,Ann\n")
    assert ingest("customers", "a.csv").code == ingest("customers", "b.csv").code == 0
    (row,) = known("u1")
    told = (row["email"], row["first_name"], json.loads(row["attributes"]))
    assert told == ("ann@example.com", "Ann", {"tier": "gold"})


def test_customers_of_many_files(ingest: Any, known: Any, tmp_path: Path) -> None:
    names = [f"{'long' * 20}-{number}.csv" for number in range(20)]
    for number, name in enumerate(names):
        (tmp_path / name).write_text(f"user_id\nu{number}\n")
    assert ingest("customers", *names, "--json").json["changed"] == 20
    assert len(known(*(f"u{number}" for number in range(20)))) == 20
