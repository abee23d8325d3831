"""The job with two workers on Ray: the same as with one, and what a worker that is killed has in hand goes on at once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import psutil
import pytest
import ray

from engine.assembly.automation import AutomationJob
from engine.cluster.automation import RayCrew
from engine.cluster.session import session
from engine.control import Capacity
from engine.pipeline.automation.contract import Advance, Task

CART = """
priority: critical
trigger: {event: left, when: event.total >= 20}
workflow:
  - {id: noted, type: update_user_data, set: {visits: visits + 1}}
  - {id: offer, type: send_email, template: offer}
"""
THANKS = """
priority: critical
trigger: {event: bought}
workflow:
  - {id: gate, type: generic, uses: gate, with: {folder: FOLDER}}
  - {id: offer, type: send_email, template: offer}
"""
GATE = """
import os, time
from pathlib import Path
from engine.workflow.cohort import Advance, Route

class Gate:
    def __init__(self, given, scope):
        self.folder, self.following = Path(given["folder"]), scope.following

    def advance(self, cohort):
        (self.folder / f"held by {os.getpid()}").touch()
        while not (self.folder / "open").exists():
            time.sleep(0.005)
        return Advance([Route(self.following, cohort.everybody())])
"""


class Fixed:
    """So many workers, however busy the machine is."""

    def __init__(self, workers: int) -> None:
        self._capacity = Capacity(window=2, delivery_workers=workers, requested_cpus=0)

    def now(self, demand: object) -> Capacity:
        return self._capacity

    def heard(self, loads: object) -> None:
        """Of no interest."""

    def release(self) -> None:
        """Nothing was asked of the cluster."""


class Recorded(RayCrew):
    """Notes in ``given`` how many people each worker was given to move on."""

    def __init__(self, job: AutomationJob, node: str, given: Counter[str]) -> None:
        super().__init__(job, node, Fixed(2))  # type: ignore[arg-type]
        self._given = given

    def start(self, worker: str, task: Task) -> None:
        super().start(worker, task)
        if isinstance(task, Advance):
            self._given[worker] += task.items.num_rows


Hire = Callable[[AutomationJob, Counter[str]], RayCrew]


@pytest.fixture(scope="module")
def hire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hire]:
    """Two workers on a local Ray. They find the step ``gate``, as pip would have left it: it holds whoever works on somebody."""
    package = tmp_path_factory.mktemp("package")
    metadata = package / "gate-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: gate\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[mailray.steps]\ngate = gate:Gate\n")
    (package / "gate.py").write_text(GATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(package)
        patch.setenv("PYTHONPATH", str(package), prepend=os.pathsep)
        with session(None, object_store_mib=100, cpus=2):
            node = ray.get_runtime_context().get_node_id()
            yield lambda job, given: Recorded(job, node, given)


def rows(shop: Any, what: str) -> list[tuple[Any, ...]]:
    """What a statement finds in the store, read by the SQLite that the driver has open (two copies must not, in one process)."""
    path = shop.settings.stores_folder / "store.sqlite"
    with closing(adbc.connect(f"file:{path}?mode=ro", autocommit=True)) as store, store.cursor() as cursor:
        cursor.execute(what)
        return list(cursor.fetchall())


def test_two_workers_of_whom_one_is_killed_come_to_the_same_as_one(
    open_shop: Any, watched: Any, hire: Any, tmp_path: Path
) -> None:
    """The killed one has claimed executions that an event has begun, and is at one of their steps."""
    alone, shared = open_shop("alone"), open_shop("shared")
    names, buyers = [f"p{number:03}" for number in range(70)], [f"b{number}" for number in range(5)]
    for shop in (alone, shared):
        shop.workflow("cart", CART, offer="{{ visits }}")
        shop.workflow("thanks", THANKS.replace("FOLDER", str(tmp_path)))
        shop.people(*names, *buyers)
        shop.automate()
        shop.happen("left", *names, total=30)
        shop.happen("bought", *buyers)
    leases: list[int] = []

    def look(counts: Any) -> None:
        """Kill when all that does not stand at the gate is done: whatever is lost is the claimed executions."""
        held = [*tmp_path.glob("held by *")]
        if held and not leases and counts["accepted"] == len(names):
            claimed = rows(shared, "SELECT lease_until FROM workflow_executions WHERE lease_until > 0 AND owner > ''")
            leases.extend(until for (until,) in claimed)
            psutil.Process(int(held[0].name.split()[-1])).kill()
            (tmp_path / "open").touch()

    watched.then = look
    given: Counter[str] = Counter()
    shared.automate(watch=watched, hire=partial(hire, given=given))
    alone.automate()
    assert len(leases) == len(buyers)
    assert "MR885" in {code for _, code in watched.faults}
    bought = [each for each in shared.executions("thanks") for each in each["told"] if each["step"] == "gate"]
    assert max(told["at"].timestamp() * 1e6 + told["lag_us"] for told in bought) < min(leases)
    assert shared.story() == alone.story()
    expected = {(name, "cart 1"): 1 for name in names} | {(name, "thanks offer"): 1 for name in buyers}
    assert shared.mails() == alone.mails() == expected
    assert {worker: given[worker] > 0 for worker in ("worker-1", "worker-2")} == {"worker-1": True, "worker-2": True}
