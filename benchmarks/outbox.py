"""What the messages of a live workflow cost, from effects to accepted mail, by how many make a partition; and what it leaves on the disk.

    python -m benchmarks.outbox [--times 40] [--folder .]

Plan, durable write and delivery follow one another in one process, over SMTP to an inbox on the same machine, with the ledger in
files. Times are medians in milliseconds a partition, with this process's own processor time. Then partitions of one message that have
ended are put together.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.adapters.inbox import BackgroundInbox, InboxSettings
from engine.adapters.stores.packing import LEAST, Packing
from engine.assembly.campaign import open_campaign
from engine.assembly.live_run import open_live_run, open_outbox
from engine.assembly.run_workers import RunWorkers
from engine.assembly.settings import AppSettings
from engine.assembly.status import total
from engine.assembly.wall_clock import wall
from engine.pipeline.automation.contract import Deliver, PlanSends
from engine.pipeline.automation.sends import SendPlanner
from engine.workflow.executions import EFFECTS

CAMPAIGN = """
name: cart
type: abandoned_cart
class: transactional
trigger: {api: true}
audience: {source: "store:", key: user_id}
workflow: [{id: remind, type: send_email, template: remind}]
delivery: {from: {address: shop@example.com}, secret: file:secret}
"""


class Customers:
    """Everybody is known."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def rows(self, workflow: str, user_ids: pa.StringArray) -> tuple[pa.RecordBatch, npt.NDArray[np.bool_]]:
        users = user_ids.to_pylist()
        values = {"user_id": users, "email": [f"{each}@example.com" for each in users]}
        columns = [pa.array(values.get(field.name, [None] * len(users)), field.type) for field in self._schema]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema), np.ones(len(users), dtype=np.bool_)

    def changed(self, user_ids: Sequence[str]) -> None:
        """Nothing is remembered."""


class Bench:
    """A live workflow in ``folder``, and what it sends."""

    def __init__(self, folder: Path, port: int) -> None:
        made = folder / "cart"
        (made / "templates").mkdir(parents=True)
        (made / "campaign.yaml").write_text(CAMPAIGN, encoding="utf-8")
        (made / "secret").write_text("0123456789abcdef0123456789abcdef", encoding="utf-8")
        (made / "templates" / "remind.subject.j2").write_text("{{ first_name }}, your cart", encoding="utf-8")
        (made / "templates" / "remind.html.j2").write_text("<p>It waits, {{ first_name }}.</p>", encoding="utf-8")
        settings = AppSettings(runs=folder / "runs", transport=f"smtp://127.0.0.1:{port}")
        self._run = open_live_run(open_campaign(made, datetime.now(UTC)), settings)
        self.path = self._run.folder.path
        self._planner = SendPlanner({"cart": self._run.live}, Customers(self._run.live.plan.audience), wall)
        self._outbox = open_outbox([self._run], settings, wall)
        self._workers = RunWorkers(settings)
        self._sent = 0
        list(self._outbox.open())

    def send(self, messages: int) -> tuple[float, float, float, float]:
        """Seconds of plan, write and delivery of a partition, and processor time."""
        task = PlanSends(self._sent, "cart", self._effects(messages))
        times = [time.perf_counter()]
        processor = time.process_time()
        planned = self._planner.plan(task)
        times.append(time.perf_counter())
        work = self._outbox.commit(planned)
        self._outbox.settle(len)
        times.append(time.perf_counter())
        assert work is not None
        self._outbox.delivered(self._workers.deliver(Deliver(0, self.path, work)))
        times.append(time.perf_counter())
        plan, write, delivery = (after - before for before, after in pairwise(times))
        return plan, write, delivery, time.process_time() - processor

    def pack(self) -> float:
        """Seconds for one pack."""
        began = time.perf_counter()
        packed = Packing(self.path, self.path / "ledger", total, files=True).pack(wall())
        return (time.perf_counter() - began) / packed

    def on_disk(self) -> tuple[int, int]:
        """Files, and bytes of whole blocks."""
        kinds = ("outbox", "verdicts", "ledger", "packed")
        found = [path for kind in kinds for path in (self.path / kind).rglob("*") if path.is_file()]
        return len(found), sum(path.stat().st_blocks for path in found) * 512

    def close(self) -> None:
        self._workers.close()
        self._outbox.close()

    def _effects(self, messages: int) -> pa.RecordBatch:
        ids = [f"e{self._sent + number}" for number in range(messages)]
        self._sent += messages
        same = {"kind": "send", "workflow": "cart", "step": "remind", "at": datetime.now(UTC)}
        payload = '{"template":"remind","first_name":"Ann"}'
        rows = [
            {**same, "name": each, "execution_id": each, "user_id": each, "occurrence": f"{each}:0", "payload": payload}
            for each in ids
        ]
        return pa.RecordBatch.from_pylist(rows, schema=EFFECTS)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--times", type=int, default=40)
    options.add_argument("--folder", type=Path, default=Path())
    given = options.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=given.folder) as folder,
        BackgroundInbox(InboxSettings()) as inbox,
        closing(Bench(Path(folder).absolute(), inbox.port)) as bench,
    ):
        bench.send(1)
        print(f"load {os.getloadavg()[0]:.1f}; milliseconds a partition: plan, write, deliver, processor")
        for messages in (1, 10, 100, 1_000):
            columns = zip(*(bench.send(messages) for _ in range(given.times)), strict=True)
            print(f"{messages:>6,} messages ", *(f"{1e3 * statistics.median(column):8.1f}" for column in columns))
        files, size = bench.on_disk()
        for _ in range(LEAST):
            bench.send(1)
        more_files, more_size = bench.on_disk()
        print(
            f"a partition of one message: {(more_files - files) / LEAST:.1f} files, {(more_size - size) / LEAST / 1024:.1f} KiB"
        )
        before = bench.on_disk()
        seconds = bench.pack()
        after = bench.on_disk()
        print(
            f"put together: {before[0]} -> {after[0]} files, {before[1] >> 10} -> {after[1] >> 10} KiB, {1e3 * seconds:.1f} ms each"
        )


if __name__ == "__main__":
    main()
