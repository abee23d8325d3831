"""A shop whose workflows run with real parts: stores in files or a database, an inbox, and a server that webhooks call."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.adapters.inbox import BackgroundInbox, InboxSettings
from engine.assembly.automation import AutomationJob, open_automation, open_automation_worker
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_executions, open_store
from engine.audience.store import EVENTS, USERS, Write
from engine.errors import Diagnostic
from engine.pipeline.automation.crew import Crew, ThreadCrew
from engine.pipeline.automation.job import Automation
from engine.queueing.alarms import DepthAlarm
from engine.workflow.executions import State
from jobs.watching import AutomationLines

ROOT = Path(__file__).parents[4]
Row = dict[str, Any]
AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
HEAD = """
type: behavioral_trigger
audience: {{source: "store:", key: user_id, types: {{visits: INTEGER}}}}
events: {{left: {{total: number}}, bought: {{}}}}
delivery:
  transport: "rehearsal:"
  from: {{address: news@example.com}}
  unsubscribe: {{url: https://example.com/u/}}
  postal_address: Example, 1 Street, Town
  secret: file:secret.key
name: {name}
"""


@dataclass
class Hook:
    """What webhooks have called, by idempotency key; ``hangs`` are the paths to which nothing is answered."""

    port: int = 0
    heard: Counter[str] = field(default_factory=Counter)
    hangs: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """``/coupon`` answers with a coupon, ``/hang`` only when ``hangs`` is set."""
    hook = Hook()

    class Server(ThreadingHTTPServer):
        daemon_threads, request_queue_size = True, 256

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not body:
                return  # the caller was killed
            hook.heard[self.headers["Idempotency-Key"]] += 1
            hook.arrived.set()
            if self.path == "/hang":
                hook.hangs.wait()
            body = json.dumps({"coupon": f"C-{json.loads(body)['who']}"}).encode()
            try:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # the caller has gone

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Answer) as server:
        hook.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield hook
        hook.hangs.set()
        server.shutdown()
        thread.join()


@dataclass
class Watched:
    """What a job has told. ``then`` is called at each look, for whoever wants to do something in between."""

    lines: AutomationLines = field(default_factory=lambda: AutomationLines(quiet=True))
    faults: list[tuple[str, str]] = field(default_factory=list)
    then: Callable[[Mapping[str, int]], object] = lambda _: None
    counts: Mapping[str, int] = field(default_factory=Counter)

    def counted(self, counts: Mapping[str, int], waiting: int) -> None:
        self.lines.counted(counts, waiting)
        self.counts = counts
        self.then(counts)

    def alarm(self, alarm: DepthAlarm) -> None:
        self.lines.alarm(alarm)

    def fault(self, what: str, diagnostics: Sequence[Diagnostic]) -> None:
        self.faults += [(what, each.code) for each in diagnostics]
        self.lines.fault(what, diagnostics)


def in_this_process(job: AutomationJob) -> Crew:
    return ThreadCrew(open_automation_worker(job), time.monotonic)


@dataclass
class Shop:
    folder: Path
    settings: AppSettings
    inbox: BackgroundInbox
    messages: Path
    hook: Hook
    domain: str = field(default_factory=lambda: f"{uuid.uuid4().hex[:12]}.example.com")
    folders: dict[str, Path] = field(default_factory=dict)
    written: int = 0

    def workflow(self, name: str, text: str, **subjects: str) -> Path:
        """Write a workflow's folder, or write it anew; with the template ``offer`` and those that are given."""
        folder = self.folders[name] = self.folder / name
        (folder / "templates").mkdir(parents=True, exist_ok=True)
        (folder / "secret.key").write_text("not-a-secret-not-a-secret-not-a-secret")
        (folder / "campaign.yaml").write_text(
            HEAD.format(name=name) + text.replace("HOOK", f"http://127.0.0.1:{self.hook.port}")
        )
        for each, subject in {"offer": "offer", **subjects}.items():
            (folder / "templates" / f"{each}.subject.j2").write_text(f"{name} {subject}")
            (folder / "templates" / f"{each}.html.j2").write_text("<p>{{ visits }}</p>")
        return folder

    def people(self, *names: str, **attributes: Any) -> None:
        rows = [
            {
                **{"user_id": name, "email": f"{name}@{self.domain}", "subscription_status": "active"},
                **{"attributes": json.dumps({"visits": 0, **attributes})},
            }
            for name in names
        ]
        schema = pa.schema([USERS.field(each) for each in rows[0]])
        self.written += 1
        with closing(open_store(self.settings.stores_at)) as store:
            store.put_users(pa.RecordBatch.from_pylist(rows, schema), Write("test", "people", str(self.written), 1))

    def happen(self, event: str, *names: str, **properties: Any) -> None:
        """Something happens to people, always at the same instants: a second after the other, an hour ago."""
        self.written += 1
        at = AN_HOUR_AGO + timedelta(seconds=self.written)
        rows = [
            {
                **{"event_id": f"{event} {self.written} {name}", "user_id": name, "event_type": event},
                **{"event_time": at, "campaign_id": None, "properties": json.dumps(properties)},
            }
            for name in names
        ]
        with closing(open_store(self.settings.stores_at)) as store:
            store.put_events(pa.RecordBatch.from_pylist(rows, EVENTS))

    def automate(
        self,
        *names: str,
        watch: Watched | None = None,
        stopped: Callable[[], bool] | None = None,
        hire: Callable[[AutomationJob], Crew] = in_this_process,
    ) -> Row:
        """Let the job do what there is to do, in this process or with another crew; gives its counts."""
        folders = [self.folders[name] for name in names or self.folders]
        with open_automation(folders, self.settings) as opened, closing(hire(opened.job)) as crew:
            job = Automation(opened.parts, crew, watch or Watched())
            job.run(stopped or (lambda: False), drain=stopped is None)
            return dict(job.counts)

    def finish(self) -> None:
        """Go on until everybody is at their end: a call that a busy machine has not answered in time is made again later."""
        while any(each["ended_at"] is None for each in self.executions()):
            self.automate()

    def executions(self, workflow: str | None = None) -> list[Row]:
        """All of them, by user, each with its history as ``told``."""
        with closing(open_executions(self.settings.stores_at)) as store:
            found = []
            for name in [workflow] if workflow else self.folders:
                for row in store.of_workflow(name, [*State], "", 100_000).to_pylist():
                    found.append(row)
            history: dict[str, list[Row]] = {}
            for row in store.history([each["execution_id"] for each in found]).to_pylist():
                history.setdefault(row["execution_id"], []).append(row)
        return sorted(
            ({**row, "told": history[row["execution_id"]]} for row in found),
            key=lambda row: (row["user_id"], row["workflow"]),
        )

    def story(self) -> list[Any]:
        """Of each execution all that does not depend on when somebody worked on it, nor on how soon a call was answered."""
        told = ("step", "type", "occurrence", "outcome", "output", "error")
        return [
            (
                row["execution_id"],
                row["user_id"],
                row["state"],
                [tuple(each[name] for name in told) for each in row["told"] if each["outcome"] != "retrying"],
            )
            for row in self.executions()
        ]

    def attributes(self, *names: str) -> dict[str, Row]:
        with closing(open_store(self.settings.stores_at)) as store:
            found = store.users(pa.array(names, pa.string())).to_pylist()
        return {row["user_id"]: json.loads(row["attributes"]) for row in found}

    def memberships(self, *names: str) -> set[tuple[str, str, str]]:
        with closing(open_store(self.settings.stores_at)) as store:
            rows = store.memberships(pa.array(names, pa.string())).to_pylist()
        return {(row["user_id"], row["segment_type"], row["segment_value"]) for row in rows}

    @property
    def runs(self) -> list[Path]:
        return [path.parent for path in self.settings.runs.glob("*/manifest.json")]

    def mails(self) -> Counter[tuple[str, str]]:
        """What the inbox has received: how often, by person and subject."""
        found: Counter[tuple[str, str]] = Counter()
        for path in self.messages.glob("*.eml"):
            mail = email.message_from_bytes(path.read_bytes(), policy=policy.default)
            name, _, domain = str(mail["to"]).partition("@")
            if domain == self.domain:
                found[name, str(mail["subject"]).strip()] += 1
        return found

    @property
    def environment(self) -> dict[str, str]:
        """Of a subprocess with the same settings."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAILRAY_", "RAY_ADDRESS"))}
        set_ = self.settings.model_dump(mode="json", exclude_defaults=True)
        mine = {
            f"MAILRAY_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in set_.items()
        }
        return {**ours, **mine, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """``mailray ARGUMENTS`` in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "jobs.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


OpenShop = Callable[..., Shop]


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture(scope="session")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BackgroundInbox, Path]]:
    """One for all tests, with the folder in which it keeps what it receives."""
    folder = tmp_path_factory.mktemp("inbox")
    with BackgroundInbox(InboxSettings(folder=folder, keep_first=1_000_000)) as running:
        yield running, folder


@pytest.fixture
def open_shop(tmp_path: Path, hook: Hook, inbox: tuple[BackgroundInbox, Path]) -> OpenShop:
    """Opens a shop in a folder of its own; ``settings`` are others than its usual ones."""

    def opened(name: str = "shop", **settings: Any) -> Shop:
        folder = tmp_path / name
        folder.mkdir()
        chosen = {
            **{"runs": folder / "runs", "stores": folder / "stores", "runner": "inline"},
            **{"transport": f"smtp://127.0.0.1:{inbox[0].port}", "webhooks_allowed": (f"127.0.0.1:{hook.port}",)},
            **settings,
        }
        return Shop(folder, AppSettings(**chosen), *inbox, hook)

    return opened


@pytest.fixture
def shop(open_shop: OpenShop) -> Shop:
    return open_shop()
