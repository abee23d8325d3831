"""The in-process runner: one partition after the other, no Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from queue import Queue
from threading import Thread

from engine.audience.partitions import Partition
from engine.pipeline.agenda import Agenda
from engine.pipeline.work import (
    DeliveryEvent,
    DeliveryProgress,
    DeliveryRest,
    DeliveryWork,
    PartitionDelivery,
    PartitionPlan,
    PartitionWorker,
)


class InlineRunner:
    """``wall`` gives UTC microseconds."""

    def __init__(self, worker: PartitionWorker, wall: Callable[[], int]) -> None:
        self._worker = worker
        self._wall = wall

    def plan(self, partitions: Sequence[Partition]) -> Iterator[PartitionPlan]:
        for partition in partitions:
            yield self._worker.plan(partition)

    def deliver(self, works: Sequence[DeliveryWork]) -> Iterator[DeliveryEvent]:
        agenda = Agenda(works)
        while len(agenda):
            work = agenda.take(self._wall())
            if work is None:
                assert agenda.next_due is not None
                yield DeliveryRest(agenda.next_due)
                continue
            for event in self._with_progress(work):
                if isinstance(event, PartitionDelivery) and event.next_due is not None:
                    agenda.again(work, event.next_due, self._wall())
                yield event

    def _with_progress(self, work: DeliveryWork) -> Iterator[DeliveryProgress | PartitionDelivery]:
        """Whoever asks for no more, or is interrupted, waits for the messages that are on the wire."""
        told: Queue[DeliveryProgress | PartitionDelivery | BaseException] = Queue()

        def run() -> None:
            try:
                told.put(self._worker.deliver(work, told.put))
            except BaseException as fault:  # raised again where the results are read
                told.put(fault)

        thread = Thread(target=run, name=f"deliver-{work.number}", daemon=True)
        thread.start()
        try:
            while isinstance(item := told.get(), DeliveryProgress):
                yield item
        except BaseException:
            self._worker.stop()
            raise
        finally:
            thread.join()
        if isinstance(item, BaseException):
            raise item
        yield item
