"""`mailray automate` is killed at any moment, again and again: it comes to the same as a job that nobody has killed."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psutil
import pytest

from engine.assembly.control import doubts

WORKFLOW = """
priority: critical
trigger: {event: left, when: event.total >= 20}
workflow:
  - {id: noted, type: update_user_data, set: {visits: visits + 1}}
  - id: sorted
    type: segment_user
    into: tier
    choices: [{when: event.total >= 100, value: gold}]
    else: plain
  - {id: hello, type: send_email, template: hello}
  - id: ask
    type: trigger_webhook
    url: HOOK/coupon
    payload: {who: user_id}
    response: {coupon: {path: coupon, type: text}}
    retry: {attempts: 9, backoff: 1 second}
  - {id: again, type: update_user_data, set: {visits: visits + 10}}
  - {id: offer, type: send_email, template: offer}
"""
SUBJECTS = {"hello": "hello", "offer": "{{ coupon }}"}
Targets = Callable[[psutil.Process], list[psutil.Process]]
LIVES = 200
ENDS = (0, 1, 69, 75, -6, -9, -15)


def driver(process: psutil.Process) -> list[psutil.Process]:
    return [process]


def node(process: psutil.Process) -> list[psutil.Process]:
    """All that a node runs: its raylet and every worker. The driver outlives it, for a moment."""
    alive = (each for each in process.children() if each.status() != psutil.STATUS_ZOMBIE)
    raylet = next((each for each in alive if each.name() == "raylet"), None)
    return [] if raylet is None else [raylet, *raylet.children(recursive=True)]


def worker(process: psutil.Process) -> list[psutil.Process]:
    return [each for each in process.children(recursive=True) if title(each).startswith("ray::AutomationActor")][:1]


def title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


class Killing:
    """Starts the job, lets things happen, kills what ``targets`` finds of it at some moment, and starts it again if that ends it."""

    def __init__(self, shop: Any, targets: Targets, kills: int, people: int, seed: str) -> None:
        self.shop, self.targets, self.left, self.people = shop, targets, kills, people
        self.luck = random.Random(seed)
        self.names: list[str] = []
        self.told = 0
        shop.workflow("cart", WORKFLOW, **SUBJECTS)
        shop.automate()

    def tell(self) -> None:
        """More people, who leave their carts."""
        names = [f"p{self.told:03}-{number:03}" for number in range(self.people)]
        self.shop.people(*names)
        self.shop.happen("left", *names, total=20 + 80 * (self.told % 2))
        self.names += names
        self.told += 1

    def until_done(self) -> None:
        for _ in range(LIVES):
            with self.shop.begin("automate", "cart", "--drain", "--yes", "--json") as process:
                while self.left and process.poll() is None:
                    self._kill(process)
                _, err = process.communicate(timeout=900)
            assert process.returncode in ENDS, err
            ended = [each["state"] == "done" for each in self.shop.executions()]
            if not self.left and process.returncode in (0, 1) and all(ended) and len(ended) == len(self.names):
                return
        raise AssertionError("the job never comes to its end")

    def _kill(self, process: subprocess.Popen[str]) -> None:
        """Let more happen, and kill when a little more of something has been done."""
        self.tell()
        what = self.luck.choice([*self._done()])
        goal = self._done()[what] + self.luck.randrange(1 + self.people // 4)
        while process.poll() is None and self._done()[what] < goal:
            time.sleep(0.002)
        time.sleep(self.luck.random() * 0.05)
        if process.poll() is None:
            victims = self.targets(psutil.Process(process.pid))
            for victim in victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.kill()
            self.left -= bool(victims)
            if process.pid in {each.pid for each in victims}:
                process.wait(60)

    def _done(self) -> dict[str, int]:
        with closing(sqlite3.connect(self.shop.settings.stores_folder / "store.sqlite")) as store:
            (moves,) = store.execute("SELECT coalesce(sum(moves), 0) FROM workflow_executions").fetchone()
            (effects,) = store.execute("SELECT count(*) FROM workflow_effects WHERE settled = 1").fetchone()
        mails = len([*self.shop.messages.iterdir()])
        return {"moves": moves, "effects": effects, "calls": self.shop.hook.heard.total(), "mails": mails}


def check(killing: Killing, whole: Any) -> dict[str, int]:
    """Against a shop to which the same has happened and in which nobody was killed."""
    shop = killing.shop
    assert shop.story() == whole.story()
    assert {each["visits"] for each in shop.attributes(*killing.names).values()} == {11}
    assert shop.memberships(*killing.names) == whole.memberships(*killing.names)
    unknown = Counter(str(each.address).partition("@")[0] for run in shop.runs for each in doubts(run))
    mails, expected = shop.mails(), whole.mails()
    assert set(expected.values()) == {1}
    assert len(expected) == 2 * len(killing.names)
    assert set(mails.values()) == {1}
    missing = Counter(name for name, subject in expected if (name, subject) not in mails)
    assert set(mails) <= set(expected)
    assert missing <= unknown
    calls = shop.hook.heard.total()
    return {"people": len(killing.names), "missing": missing.total(), "unknown": unknown.total(), "calls": calls}


def killed(open_shop: Any, targets: Targets, kills: int, people: int, **settings: Any) -> dict[str, int]:
    killing = Killing(open_shop("killed", **settings), targets, kills, people, f"{targets.__name__} {kills}")
    killing.until_done()
    whole = Killing(open_shop("whole"), targets, kills, people, "")
    for _ in range(killing.told):
        whole.tell()
    whole.shop.automate()
    whole.shop.finish()
    return check(killing, whole.shop)


def test_a_job_that_is_killed_comes_to_the_same(open_shop: Any) -> None:
    killed(open_shop, driver, kills=2, people=12)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("targets", "kills", "people", "runner"),
    [(driver, 30, 20, "inline"), (driver, 10, 20, "ray"), (worker, 10, 20, "ray"), (node, 5, 20, "ray")],
)
def test_chaos(open_shop: Any, targets: Targets, kills: int, people: int, runner: str) -> None:
    started = time.monotonic()
    figures = killed(open_shop, targets, kills, people, runner=runner)
    print(f"{targets.__name__} {runner}: {kills} kills, {figures}, {time.monotonic() - started:.0f} s")
