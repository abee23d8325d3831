"""The run of a live workflow is looked at and decided about as any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine.adapters.stores.run_control import Order, RunControl
from engine.assembly.archive import verify_ledger
from engine.assembly.campaign import open_campaign
from engine.assembly.control import order_run, resolve_doubts
from engine.assembly.live_run import open_live_run, open_outbox
from engine.assembly.run_workers import RunWorkers
from engine.assembly.settings import AppSettings
from engine.assembly.wall_clock import wall
from engine.ledger.states import State
from engine.pipeline.automation.contract import Deliver, LiveWorkflow, PlanSends
from engine.pipeline.automation.sends import SendPlanner
from engine.workflow.executions import EFFECTS
from jobs.resume import command as resume

Mailray = Callable[..., Any]
CAMPAIGN = """
name: cart
type: abandoned_cart
class: transactional
trigger: {api: true}
audience: {source: "store:", key: user_id}
workflow: [{id: remind, type: send_email, template: remind}]
delivery: {from: {address: shop@example.com}, secret: file:secret, on_unknown: skip}
"""


class Customers:
    """Whoever is asked for is known, by an address."""

    def __init__(self, live: LiveWorkflow) -> None:
        self._schema = live.plan.audience

    def rows(self, workflow: str, user_ids: pa.StringArray) -> tuple[pa.RecordBatch, Any]:
        users = user_ids.to_pylist()
        values = {"user_id": users, "email": [f"{each}@example.com" for each in users]}
        columns = [pa.array(values.get(field.name, [None] * len(users)), field.type) for field in self._schema]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema), np.ones(len(users), dtype=np.bool_)

    def changed(self, user_ids: Sequence[str]) -> None:
        """Nothing is remembered."""


def effects(users: Sequence[str]) -> pa.RecordBatch:
    same = {"kind": "send", "workflow": "cart", "step": "remind", "at": datetime.now(UTC)}
    names = {"name": "{}/remind/0", "execution_id": "{}", "user_id": "{}", "occurrence": "{}:0"}
    rows = [{**same, **{key: text.format(user) for key, text in names.items()}} for user in users]
    return pa.RecordBatch.from_pylist([{**row, "payload": '{"template":"remind"}'} for row in rows], schema=EFFECTS)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """One message was accepted, one is in doubt, and one is still to be sent; the automation has ended."""
    (tmp_path / "cart" / "templates").mkdir(parents=True)
    (tmp_path / "cart" / "campaign.yaml").write_text(CAMPAIGN, encoding="utf-8")
    (tmp_path / "cart" / "secret").write_text("0123456789abcdef0123456789abcdef", encoding="utf-8")
    for part, text in (("subject", "Your cart"), ("html", "<p>It waits.</p>")):
        (tmp_path / "cart" / "templates" / f"remind.{part}.j2").write_text(text, encoding="utf-8")
    settings = AppSettings(runs=tmp_path / "runs", stores=tmp_path / ".mailray")
    live = open_live_run(open_campaign(tmp_path / "cart", datetime.now(UTC)), settings)
    planner = SendPlanner({"cart": live.live}, Customers(live.live), wall)
    with closing(open_outbox([live], settings, wall)) as outbox, closing(RunWorkers(settings)) as workers:
        assert list(outbox.open()) == []
        for number, users in enumerate([["ann", "timeout1"], ["bob"]]):
            work = outbox.commit(planner.plan(PlanSends(number, "cart", effects(users))))
            if number == 0 and work is not None:
                outbox.delivered(workers.deliver(Deliver(number, live.folder.path, work)))
    return live.folder.path


def test_a_live_run_is_looked_at_and_decided_about_as_any_other(mailray: Mailray, run: Path) -> None:
    status = mailray("status", run, "--json").json
    assert (status["phase"], status["plan"]["messages"]) == ("stopped while delivering", 3)
    assert {name: count for name, count in status["outcomes"].items() if count} == {
        "planned": 1, "accepted": 1, "unknown": 1
    }  # fmt: skip
    (doubt,) = mailray("unknown", run, "--json").json["unknown"]
    assert (doubt["step"], doubt["cause"]) == ("remind", "no_reply")
    assert mailray("report", run).code == 0
    assert "Your cart" in (run / "report.html").read_text(encoding="utf-8")
    assert resolve_doubts(run, [doubt["key"]], State.RESOLVED_SKIPPED) == 1
    RunControl(run).give(Order.PAUSE, datetime.now(UTC))
    assert resume(run) == 0  # the automation goes on when it is started
    assert RunControl(run).order() is None
    left = order_run(run, Order.CANCEL, datetime.now(UTC))["outcomes"]
    assert {name: count for name, count in left.items() if count} == {"accepted": 1, "skipped": 2}
    verified = verify_ledger(run)
    assert (verified.messages, verified.ended, verified.differences) == (3, 3, [])
