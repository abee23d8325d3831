"""Effects become mails: each in one partition, each mail once, whenever the driver dies."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.adapters.feedback.deliveries import RunDeliveries, RunIdentity
from engine.adapters.stores.packing import Packing
from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.run_control import Order, RunControl
from engine.adapters.stores.run_folder import RunFolder
from engine.assembly.archive import export_ledger, verify_ledger
from engine.assembly.control import order_run
from engine.assembly.run import reopen_run
from engine.assembly.status import run_status, total
from engine.assembly.wall_clock import wall
from engine.errors import MissingInputError, RefusedError
from engine.monitoring import Stages
from engine.pipeline.automation.outbox import OpenWork
from engine.pipeline.definition import clock_of
from engine.pipeline.materialise import Materialiser
from engine.pipeline.work import DeliveryWork
from engine.report.build import write_report

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
Drive = Callable[[], Any]
Effects = Callable[..., pa.RecordBatch]


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Kills at the n-th thing that is done to the disk, before or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
            monkeypatch.setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            self.step()
            done = real(*arguments, **more)
            self.step()
            return done

        return call

    def step(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1


def planned(run: Path) -> Counter[str]:
    """In how many partitions each execution's effect is."""
    plans = PlanFiles(run)
    return Counter(each for number in plans.partitions() for each in plans.verdicts(number)["execution"].to_pylist())


def test_each_effect_has_a_verdict_and_each_eligible_one_a_mail(drive: Drive, effects: Effects, shop: Any) -> None:
    driver = drive()
    assert list(driver.outbox.open()) == []
    batch = pa.Table.from_batches(
        [
            effects(["a@first.test", "away", "nobody", "b@first.test", "not an address@first.test"]),
            effects(["c@first.test"], first=5, template="gone"),
            effects(["d@first.test"], first=6, at=wall() - 4 * 86_400_000_000),
        ]
    )
    work = driver.commit(batch.combine_chunks().to_batches()[0])
    verdicts = PlanFiles(driver.path).verdicts(0)
    assert verdicts["verdict"].to_pylist() == [
        *("eligible", "missing_address", "unknown_recipient", "eligible"),
        *("invalid_address", "no_template", "expired"),
    ]
    done = driver.deliver(work)
    assert done.partition.counts["accepted"] == 2
    assert shop.received("a@first.test", "b@first.test", "d@first.test") == [1, 1, 0]
    assert done.measured.column("execution_id").to_pylist() == ["e00000", "e00003"]
    assert min(done.measured.column("email_send_time_ms").to_pylist()) > 0
    assert driver.outbox.settle(len) == 7
    assert driver.commit(effects(["nobody"], first=9)) is None
    status = run_status(driver.path)
    assert (status["phase"], status["plan"]["recipients"], status["plan"]["messages"]) == ("live", 8, 2)
    assert status["plan"]["verdicts"]["unknown_recipient"] == 2
    assert status["outcomes"]["accepted"] == 2


def test_whenever_the_driver_dies_each_effect_is_in_one_partition(
    drive: Drive, effects: Effects, store_of: Any, lease: Any, monkeypatch: pytest.MonkeyPatch, shop: Any
) -> None:
    """At each thing that is done to the disk, before it and after it, until nothing is left to die of."""
    users = [f"u{n}@killed.test" for n in range(16)]
    driver, store = drive(), store_of(effects(users))
    killer, deaths, settled = Killer(monkeypatch), 0, 0
    while (batch := lease(store, 1)).num_rows:
        killer.left = deaths
        try:
            driver.commit(batch)
            killer.step()
            settled += driver.outbox.settle(store.settle)
        except Killed:
            deaths += 1
            killer.left = -1
            driver = drive()
            settled += driver.outbox.recover(store.settle)
    killer.left = -1
    assert deaths > 15
    assert settled == len(users)
    assert planned(driver.path) == Counter({f"e{n:05d}": 1 for n in range(len(users))})
    for each in [*driver.outbox.open()]:
        driver.deliver(each)
    assert shop.received(*users) == [1] * len(users)
    assert drive().outbox.recover(store.settle) == 0


def test_what_two_tasks_have_planned_is_in_one_partition(drive: Drive, effects: Effects) -> None:
    """The first was taken for lost, and its effects were leased again."""
    driver = drive()
    first, second = effects(["a@two.test", "b@two.test", "c@two.test"]), effects(["b@two.test", "c@two.test"], first=1)
    list(driver.outbox.open())
    driver.commit(second)
    assert driver.outbox.settle(len) == 2
    assert driver.commit(first).work.messages == 1
    assert driver.commit(second) is None
    assert planned(driver.path) == Counter({"e00000": 1, "e00001": 1, "e00002": 1})


def test_a_message_that_is_sent_again_has_the_same_bytes(drive: Drive, effects: Effects, shop: Any) -> None:
    """Its date is the instant of its plan, however long ago that was, and whoever asks."""
    driver = drive()
    driver.commit(effects(["a@same.test"]))
    mailings = [reopen_run(driver.path, shop.settings).mailing() for _ in range(2)]
    outbox = PlanFiles(driver.path).outbox(0)
    contents = [bytes(message.content) for each in mailings for message in messages_of(each, outbox)]
    assert contents[0] == contents[1]
    assert b"Date: Mon, 02 Mar 2026" not in contents[0]  # the run's


def messages_of(mailing: Any, outbox: pa.RecordBatch) -> list[Any]:
    return [each for block in Materialiser(mailing, outbox, Stages(lambda: 0.0)).blocks([0]) for each in block.messages]


def test_a_changed_campaign_is_another_folder_and_the_old_one_is_delivered(
    drive: Drive, effects: Effects, shop: Any
) -> None:
    former = drive()
    list(former.outbox.open())
    former.commit(effects(["a@former.test"]))
    shop.change("name: Shop", "name: Store")
    driver = drive()
    assert driver.path != former.path
    with pytest.raises(RefusedError, match="MR866"):
        type(driver)(shop.settings, shop.folder)
    (work,) = driver.outbox.open()
    assert work.run == former.path
    driver.deliver(driver.commit(effects(["b@former.test"])))
    driver.deliver(work)  # whose worker takes the other's place
    driver.deliver(driver.commit(effects(["c@former.test"], first=1)))
    assert list(driver.outbox.open()) == []
    assert shop.received("a@former.test", "b@former.test", "c@former.test") == [1, 1, 1]
    with RunFolder(former.path).locked():  # there is nothing more to come of it
        assert run_status(former.path)["outcomes"]["accepted"] == 1


def test_whom_the_campaigns_own_files_suppress_gets_nothing(drive: Drive, effects: Effects, shop: Any) -> None:
    """Nobody who is in them is planned, in any spelling; who comes into them after the plan is held back at the gate."""
    shop.change("key: user_id", "key: user_id, suppression: [never.csv, more.csv]")
    with pytest.raises(MissingInputError):
        drive()
    assert not shop.settings.runs.exists()
    listed = "".join(f"u{number}@elsewhere.test\n" for number in range(300))
    (shop.folder / "never.csv").write_text(f"email\n Ann@Never.test\n{listed}", encoding="utf-8")
    (shop.folder / "more.csv").write_text("email\nbob@never.test\nbob@never.test\n", encoding="utf-8")
    driver, users = drive(), [f"{name}@never.test" for name in ("ann", "BOB", "cyd", "dan")]
    list(driver.outbox.open())
    work = driver.commit(effects(users))
    assert work.work.messages == 2
    verdicts = PlanFiles(driver.path).verdicts(0)["verdict"].to_pylist()
    assert verdicts == ["suppressed", "suppressed", "eligible", "eligible"]
    (shop.folder / "more.csv").write_text("email\ncyd@never.test\n", encoding="utf-8")
    driver = drive()
    (left,) = driver.outbox.open()
    driver.deliver(left)
    driver.deliver(driver.commit(effects(["bob@never.test", "away"], first=4)))
    assert shop.received(*users[2:], "bob@never.test") == [0, 1, 1]
    assert run_status(driver.path)["outcomes"]["skipped"] == 1


def test_orders_are_obeyed_and_lifted(drive: Drive, effects: Effects, shop: Any) -> None:
    driver = drive()
    list(driver.outbox.open())
    work = driver.commit(effects(["a@paused.test"]))
    RunControl(driver.path).give(Order.PAUSE, NOW)
    assert driver.deliver(work).stopped
    assert driver.commit(effects(["b@paused.test"], first=1)) is not None  # not seen yet
    assert list(driver.outbox.open([driver.path])) == []
    assert list(driver.outbox.open()) == []
    with RunFolder(driver.path).locked():  # whoever decides about doubts may do so now
        assert driver.commit(effects(["c@paused.test"], first=2)) is None
    RunControl(driver.path).lift()
    left = sorted(each.work.number for each in driver.outbox.open())
    assert left == [0, 2]  # the second was given out before
    RunControl(driver.path).give(Order.CANCEL, NOW)
    assert list(driver.outbox.open()) == []
    assert order_run(driver.path, Order.CANCEL, NOW)["outcomes"]["skipped"] == 3
    assert driver.commit(effects(["d@paused.test"], first=3)) is None
    list(driver.outbox.open())
    assert run_status(driver.path)["outcomes"]["skipped"] == 4
    assert shop.received(*(f"{each}@paused.test" for each in "abcd")) == [0] * 4


def test_partitions_that_have_ended_are_put_together_and_nothing_is_lost(
    drive: Drive, effects: Effects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    driver = drive()
    list(driver.outbox.open())
    for number, names in enumerate([["a"], ["nobody", "b"], ["nobody"], ["c", "d"], ["e"]]):
        users = [each if each == "nobody" else f"{each}@packed.test" for each in names]
        work = driver.commit(effects(users, first=10 * number))
        if work is not None and number < 4:
            driver.deliver(work)
    run, plans = driver.path, PlanFiles(driver.path)
    before, messages = run_status(run), [plans.outbox(number) for number in range(5)]
    driver.outbox.tidy(2**62)  # too few
    packing = Packing(run, run / "ledger", total, files=True, least=3)
    assert packing.pack(0) == 0
    killer, deaths = Killer(monkeypatch), 0
    while True:
        killer.left = deaths
        try:
            packing.pack(2**62)
            break
        except Killed:
            killer.left, deaths = -1, deaths + 1
            assert run_status(run) == before
            assert [each.number for each in driver.run.folder.left()] == [4]
    killer.left = -1
    assert deaths > 12  # of which the last are after the pack is there
    assert run_status(run) == before
    assert [plans.outbox(number).equals(messages[number]) for number in plans.partitions()] == [True] * 5
    assert [clock_of(plans.outbox(number).schema) for number in range(5)] == [
        clock_of(each.schema) for each in messages
    ]
    assert plans.verdicts(1)["verdict"].to_pylist() == ["unknown_recipient", "eligible"]
    assert len([*(run / "ledger").iterdir(), *(run / "outbox").iterdir(), *(run / "verdicts").iterdir()]) == 3
    with closing(RunDeliveries(run.parent, tmp_path / "index", lambda _: RunIdentity("cart", "", b"secret"))) as known:
        found = known.find(messages[3].column("key")[1].as_py())
        assert (found.recipient, found.address) == ("d@packed.test", "d@packed.test")
    assert driver.deliver(work).partition.counts["accepted"] == 1
    assert export_ledger(run, tmp_path / "ledger.parquet") == 5
    driver.outbox.close()
    verified = verify_ledger(run)
    assert (verified.messages, verified.ended, verified.open, verified.differences) == (5, 5, 0, [])
    with pytest.raises(RefusedError, match="MR868"):
        driver.deliver(OpenWork("cart", run, DeliveryWork(0, 1)))  # nobody is mailed twice


def test_a_report_of_what_there_is(drive: Drive, effects: Effects, shop: Any) -> None:
    driver = drive()
    list(driver.outbox.open())
    driver.deliver(driver.commit(effects(["a@page.test", "nobody"])))
    page = write_report(reopen_run(driver.path, shop.settings)).read_text(encoding="utf-8")
    assert all(each in page for each in ("N0, your cart", "0.5 are waiting", "unknown recipient"))
