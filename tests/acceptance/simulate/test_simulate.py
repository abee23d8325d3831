"""`mailray simulate`: what it prints and leaves behind, and what it says of bad input."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_suppression
from engine.audience.suppression import Suppression, SuppressionReason
from jobs.cli import run_guarded

START = datetime(2026, 3, 2, tzinfo=UTC)
CAMPAIGN = """
name: {name}
type: abandoned_cart
priority: {priority}
timezone: Europe/Berlin
audience: {{source: ../people.csv, key: id, timezone: tz}}
events: {{left: {{total: number}}, bought: {{}}}}
trigger: {{event: left, when: event.total > 10}}
exit: [{{event: bought}}]
{more}
workflow:
  - {{id: pause, type: wait_condition, for: 1 hour}}
  - {{id: remind, type: send_email, template: hello}}
limits:
  frequency: [{{messages: 1, per: 1 day}}]
  quiet_hours: {{from: "21:00", until: "08:00"}}
delivery:
  from: {{address: shop@example.com}}
  unsubscribe: {{url: "https://example.com/u/"}}
  postal_address: 1 Example Street
"""


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Simulate = Callable[..., Finished]
Folder = Callable[..., Path]


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Simulate:
    """The verb's command line in this process, in a folder with people."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jobs.simulate.out._width", 160)
    people = [f"u{number},u{number}@example.com,Europe/Berlin" for number in range(20)]
    (tmp_path / "people.csv").write_text("\n".join(["id,email,tz", *people, "gone,,"]) + "\n")

    def run(*arguments: str | Path) -> Finished:
        code = run_guarded(["simulate", *map(str, arguments)], debug=False)
        told = capsys.readouterr()
        return Finished(code, told.out, told.err)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    def make(name: str, more: str = "", priority: str = "normal") -> Path:
        campaign = tmp_path / name
        (campaign / "templates").mkdir(parents=True)
        (campaign / "templates" / "hello.html.j2").write_text("<p>Hello</p>\n")
        (campaign / "templates" / "hello.subject.j2").write_text("Hello\n")
        (campaign / "campaign.yaml").write_text(CAMPAIGN.format(name=name, more=more, priority=priority))
        return campaign

    return make


def left(user: str, hour: float, what: str = "left", **more: Any) -> dict[str, Any]:
    at = (START + timedelta(hours=hour)).isoformat()
    return {"user_id": user, "event_type": what, "event_time": at, "total": 20, **more}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def test_who_gets_what_when(simulate: Simulate, folder: Folder, tmp_path: Path) -> None:
    events = [left(f"u{number}", 9 + 24 * (number % 3)) for number in range(10)]
    events += [left("u1", 20), left("u1", 60), left("u2", 9.5, "bought"), left("u3", 10, total=5), left("gone", 9)]
    write(tmp_path / "events.jsonl", events)
    urgent, patient = folder("urgent", priority="high"), folder("patient", "not_while: [elsewhere]")
    arguments = [patient, urgent, "--days", "4", "--events", "events.jsonl", "--out", "result"]
    done = simulate(*arguments, "--json")
    assert (done.code, done.err) == (0, "")
    told = done.json
    assert told["start"] == START.isoformat() and told["days"] == 4 and told["people"] == 21
    assert {"read": 15, "used": 15, "refused": 0, "strangers": 0}.items() <= told["events"].items()
    rows = pq.read_table(tmp_path / "result" / "messages.parquet").to_pylist()
    assert {each["verdict"]: each for each in rows}.keys() == {"sent", "capped", "missing_address"}
    # Both have the same caps and the same moment: the more urgent goes, in the day's hours of Berlin.
    assert {each["workflow"] for each in rows if each["verdict"] == "sent"} == {"urgent"}
    assert {each["workflow"] for each in rows if each["verdict"] == "capped"} >= {"patient"}
    hours = [(each["at"].hour + 1) % 24 for each in rows if each["verdict"] == "sent"]
    assert all(8 <= hour < 21 for hour in hours)
    by_user = Counter(each["person"] for each in rows if each["verdict"] == "sent")
    assert by_user["u1"] == 2 and by_user["u2"] == 1 and by_user["gone"] == 0
    verdicts = Counter(each["verdict"] for each in rows)
    assert verdicts == {name: count for name, count in told["messages"]["verdicts"].items() if count}
    assert sum(map(sum, (each["by_day"]["sent"] for each in told["workflows"]))) == verdicts["sent"]
    assert sum(map(sum, told["by_weekday_and_hour"]["sent"])) == verdicts["sent"]
    assert json.loads((tmp_path / "result" / "simulation.json").read_text()) == told
    assert sorted(path.name for path in (tmp_path / "result").iterdir()) == [
        "messages.parquet", "simulation.html", "simulation.json",
    ]  # fmt: skip
    page = (tmp_path / "result" / "simulation.html").read_text()
    assert "<script" not in page and "http" not in page and page.count("<svg") == 6
    again = simulate(*arguments)
    assert again.code == 73 and "MR879" in again.err
    shown = simulate(patient, "--days", "1", "--events", "events.jsonl")
    assert shown.code == 0 and "messages by verdict" in shown.out and "remind" in shown.out


def test_whom_the_store_suppresses_now_gets_nothing(simulate: Simulate, folder: Folder, tmp_path: Path) -> None:
    """On every list or on the campaign's own, in any spelling; and without a store none is made."""
    write(tmp_path / "events.jsonl", [left(f"u{number}", 9) for number in range(4)])
    cart = folder("cart")
    text = (cart / "campaign.yaml").read_text()
    (cart / "campaign.yaml").write_text(text.replace("key: id,", "key: id, list: news,"))

    def verdicts(out: str) -> dict[str, str]:
        assert simulate(cart, "--days", "1", "--events", "events.jsonl", "--out", out).code == 0
        return {
            each["person"]: each["verdict"] for each in pq.read_table(tmp_path / out / "messages.parquet").to_pylist()
        }

    assert verdicts("before") == {f"u{number}": "sent" for number in range(4)}
    assert not list(tmp_path.rglob("*.sqlite"))
    stores = AppSettings.load().stores_at
    with closing(open_suppression(stores)) as store:
        given = [(" U0@Example.com", ""), ("u1@example.com", "news"), ("u2@example.com", "other")]
        store.add([Suppression(address, name, SuppressionReason.MANUAL, "t", 0) for address, name in given])
    assert verdicts("after") == {"u0": "suppressed", "u1": "suppressed", "u2": "sent", "u3": "sent"}


def test_what_of_the_events_is_of_no_use_is_told(simulate: Simulate, folder: Folder, tmp_path: Path) -> None:
    events = [
        left("u1", -1),
        left("u1", 9),
        left("u2", 30 * 24),
        left("nobody", 9),
        left("u3", 9, "lefft"),
        {"user_id": "u4"},
    ]
    write(tmp_path / "events.jsonl", events)
    done = simulate(folder("cart"), "--days", "2", "--events", "events.jsonl", "--start", START.isoformat())
    assert done.code == 1
    warnings = [line for line in done.err.splitlines() if line.startswith("warning")]
    assert warnings == [
        "warning: events.jsonl:6: no event_type",
        "warning: 1 events `lefft` are of an unknown type; did you mean `left`?",
        "warning: 1 events before the start were left out",
        "warning: 1 events after the end were left out",
        "warning: 1 events of people who are not there were left out",
    ]
    (result,) = (tmp_path / "simulations").iterdir()
    told = json.loads((result / "simulation.json").read_text())
    assert told["events"] | {"read": 6, "used": 1, "concerns_nobody": 1} == told["events"]
    assert told["workflows"][0]["entered"] == 1


def test_processes_beside_one_another_find_the_same(
    simulate: Simulate, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [left(f"u{number % 20}", 1 + number % 40) for number in range(200)]
    write(tmp_path / "events.jsonl", events)
    cart, shared = folder("cart", "reentry: 9 hours"), ["--days", "1", "--events", "events.jsonl", "--json"]
    alone = simulate(cart, *shared, "--workers", "1", "--out", "alone").json
    monkeypatch.setattr("engine.assembly.simulation.PEOPLE", 7)
    beside = simulate(cart, *shared, "--workers", "2", "--out", "beside").json
    for each in (alone, beside):
        for name in ("simulation", "messages_file", "seconds", "users_days_a_second"):
            del each[name]
    assert alone == beside
    kept = [
        pq.read_table(tmp_path / name / "messages.parquet").sort_by(
            [("person", "ascending"), ("decided_at", "ascending")]
        )
        for name in ("alone", "beside")
    ]
    assert kept[0].to_pylist() == kept[1].to_pylist()


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["nowhere"], "MR100", 66),
        (["cart", "--days", "0"], "--days", 2),
        (["cart", "--start", "tomorrow"], "--start", 2),
        (["cart", "cart", "--events", "good.jsonl"], "MR875", 2),
        (["cart"], "MR877", 2),
        (["after", "--events", "good.jsonl"], "MR878", 2),
        (["cart", "--events", "nowhere.jsonl"], "MR787", 66),
        (["cart", "--events", "people.csv"], "MR781", 65),
        (["cart", "--events", "strange.jsonl"], "MR876", 65),
        (["cart", "--events", "good.jsonl", "--out", "people.csv"], "MR879", 73),
        (["cart", "--events", "good.jsonl", "--people", "nobody.csv"], "MR360", 66),
        (["cart", "--events", "good.jsonl", "--people", "good.csv"], "MR351", 65),
    ],
)
def test_bad_input_is_named(
    arguments: list[str], code: str, exit_code: int, simulate: Simulate, folder: Folder, tmp_path: Path
) -> None:
    folder("cart")
    folder("after", "only_after: [cart]")
    write(tmp_path / "good.jsonl", [left("u1", 9)])
    write(tmp_path / "strange.jsonl", [left("u1", 9, "visit")])
    (tmp_path / "good.csv").write_text("name\nx\n")
    done = simulate(*arguments)
    assert done.code == exit_code
    assert code in done.err
    assert not (tmp_path / "simulations").exists() or not [*tmp_path.glob("simulations/*/*")]


def test_customers_take_the_place_of_the_store(simulate: Simulate, folder: Folder, tmp_path: Path) -> None:
    cart = folder("cart", "goal: {when: orders > 1}")
    text = (cart / "campaign.yaml").read_text()
    own = '{source: "store:", key: user_id, timezone: time_zone, types: {orders: INTEGER}}'
    (cart / "campaign.yaml").write_text(text.replace("{source: ../people.csv, key: id, timezone: tz}", own))
    people = [{"user_id": f"u{number}", "email": f"u{number}@example.com", "orders": number} for number in range(4)]
    write(tmp_path / "people.jsonl", people)
    write(tmp_path / "events.jsonl", [left(f"u{number}", 9) for number in range(4)])
    done = simulate(cart, "--days", "1", "--events", "events.jsonl", "--people", "people.jsonl", "--json")
    assert done.code == 0
    assert (done.json["workflows"][0]["entered"], done.json["workflows"][0]["goals"]) == (4, 2)
    write(tmp_path / "people.jsonl", [*people, {"email": "nobody@example.com"}])
    refused = simulate(cart, "--events", "events.jsonl", "--people", "people.jsonl")
    assert refused.code == 65 and "MR780" in refused.err and "people.jsonl:5" in refused.err
