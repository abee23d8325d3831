"""What comes back of messages that have arrived: of some, late, and only when somebody answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random

from engine.delivery.doubts import Evidence
from engine.errors import ServiceError
from simulated.faults import Fault, Luck
from simulated.network import Arrival

DELAYS = (1.0, 300.0, 10_000.0)


class Gossip:
    """``asked`` says of each question (row, wall clock) whether anything was known."""

    remembers = 0

    def __init__(self, luck: Luck, arrivals: Sequence[Arrival], wall: Callable[[], int]) -> None:
        self._luck = luck
        self._arrivals = arrivals
        self._wall = wall
        self._chance = Random(luck.random.random())
        self._known_from: list[float] = []
        self._share = self._chance.choice((0.0, 0.5, 1.0))
        self.asked: dict[tuple[int, int], bool] = {}

    def ask(self, keys: Sequence[bytes]) -> Mapping[bytes, Evidence]:
        now, wall = asyncio.get_running_loop().time(), self._wall()
        rows = [int.from_bytes(key, "big") for key in keys]
        self.asked |= {(row, wall): False for row in rows}
        if self._luck.meets(Fault.REFUSE):
            raise ServiceError.single("MR755", "nobody answers")
        for arrival in self._arrivals[len(self._known_from) :]:
            comes_back = self._chance.random() < self._share
            self._known_from.append(arrival.at + self._chance.choice(DELAYS) if comes_back else float("inf"))
        known = {
            arrival.row
            for arrival, since in zip(self._arrivals, self._known_from, strict=True)
            if since <= now and arrival.row in rows
        }
        self.asked |= {(row, wall): True for row in known}
        return {row.to_bytes(16, "big"): Evidence("gossip", "it is there") for row in known}
