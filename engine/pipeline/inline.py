"""The in-process runner: one partition after the other, no Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from queue import Queue
from threading import Thread

from engine.audience.partitions import Partition
from engine.pipeline.work import DeliveryProgress, DeliveryWork, PartitionDelivery, PartitionPlan, PartitionWorker


class InlineRunner:
    def __init__(self, worker: PartitionWorker) -> None:
        self._worker = worker

    def plan(self, partitions: Sequence[Partition]) -> Iterator[PartitionPlan]:
        for partition in partitions:
            yield self._worker.plan(partition)

    def deliver(self, works: Sequence[DeliveryWork]) -> Iterator[DeliveryProgress | PartitionDelivery]:
        for work in works:
            yield from self._with_progress(work)

    def _with_progress(self, work: DeliveryWork) -> Iterator[DeliveryProgress | PartitionDelivery]:
        told: Queue[DeliveryProgress | PartitionDelivery | BaseException] = Queue()

        def run() -> None:
            try:
                told.put(self._worker.deliver(work, told.put))
            except BaseException as fault:  # raised again where the results are read
                told.put(fault)

        thread = Thread(target=run, name=f"deliver-{work.number}", daemon=True)
        thread.start()
        while True:
            item = told.get()
            if isinstance(item, BaseException):
                raise item
            yield item
            if isinstance(item, PartitionDelivery):
                thread.join()
                return
