"""The life of a run in a world where everything fails: processes come and go until all is said."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from engine.campaign.schema import UnknownPolicy
from engine.delivery.doubts import DoubtRule, Witnesses
from engine.delivery.retry import Backoff
from engine.delivery.worker import LEASE_MARGIN, Delivered, Settings
from engine.errors import InternalError, MailrayError, RefusedError
from engine.ledger.memory import MemoryLedger
from engine.ledger.replay import Standing
from simulated.faults import Luck
from simulated.gossip import Gossip
from simulated.loop import VirtualLoop
from simulated.network import HOST, Network
from simulated.process import Process

START = 1_800_000_000_000_000
LIVES = 4
CALM_LIVES = 300


@dataclass
class Story:
    """What one seed tells. Times are seconds of the loop."""

    seed: int
    luck: Luck = field(init=False)
    network: Network = field(init=False)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    processes: list[Process] = field(default_factory=list)
    endings: list[asyncio.Task[Delivered | None]] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    skew: int = 0  # microseconds by which the wall clock is wrong

    def __post_init__(self) -> None:
        self.luck = Luck(self.seed)
        self.network = Network(self.luck)
        random = self.luck.random
        self.messages = random.randint(1, 24)
        self.policy = random.choice((*UnknownPolicy,))
        after, then = random.choice((60, 1_800, 20_000)), random.choice((UnknownPolicy.SKIP, UnknownPolicy.RESEND))
        self.rule = DoubtRule(after * 1_000_000, then)
        self.gossip = Gossip(self.luck, self.network.arrivals, self._wall)
        self.connections = random.choice((1, 2, 4, 8))
        self.reply_timeout = random.choice((30.0, 120.0, 600.0))

    def play(self) -> None:
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(self._disk, self.network.connect)) as runner:
            runner.get_loop().set_exception_handler(self._complaint)
            runner.run(self._lives())

    @property
    def standing(self) -> Standing:
        return self.ledger.partition(0).replay()

    async def _lives(self) -> None:
        random = self.luck.random
        for _ in range(random.randint(1, LIVES)):
            first = self._start()
            self._disturb(first)
            if random.random() < 0.3:
                await self._rival(first)
            await asyncio.gather(*self.endings)
            await asyncio.sleep(random.choice((0.0, 1.0, 100.0, self._lease + 1)))
            if random.random() < 0.1:
                self._jump()
        self.luck.calm = True
        await self._until_all_is_said()

    def _jump(self) -> None:
        """The wall clock is set an hour on or back."""
        self.skew += self.luck.random.choice((-1, 1)) * 3_600_000_000

    async def _rival(self, first: Process) -> None:
        """Another owner comes while the first is at work, or when it has not been heard of for longer than its lease."""
        random = self.luck.random
        await asyncio.sleep(random.choice((0.0, 0.1, 0.5)))
        if random.random() < 0.5:
            first.stall = self._lease + random.choice((10.0, 1_000.0))
            await asyncio.sleep(self._lease + 5.0)
        self._start()

    def _disturb(self, process: Process) -> None:
        random, loop = self.luck.random, asyncio.get_running_loop()
        when = random.choice((0.01, 0.1, 0.5, 2.0, 60.0)) * random.random()
        loop.call_later(when, random.choice((process.kill, process.kill, process.stop, lambda: None)))
        if random.random() < 0.2:
            loop.call_later(when * random.random(), self._jump)

    async def _until_all_is_said(self) -> None:
        for _ in range(CALM_LIVES):
            self._start()
            delivered = await self.endings[-1]
            if delivered is None:
                await asyncio.sleep(self._lease)
            elif delivered.next_due is not None:
                await asyncio.sleep(max(0.0, (delivered.next_due - self._wall()) / 1_000_000))
            elif not delivered.counts.left:
                return
        raise AssertionError("the run never comes to its end")

    def _start(self) -> Process:
        settings = Settings(
            owner=f"process {len(self.processes)}",
            connections=self.connections,
            on_unknown=self.policy,
            rule=self.rule,
            reply_timeout=self.reply_timeout,
            backoff=Backoff(attempts=4),
        )
        witness = Witnesses([self.gossip])
        process = Process(self.ledger.partition(0), self.messages, settings, self.luck, self._wall, witness)
        self.processes.append(process)
        self.endings.append(asyncio.get_running_loop().create_task(self._ended(process, process.start())))
        return process

    async def _ended(self, process: Process, delivering: asyncio.Task[Delivered]) -> Delivered | None:
        """The delivery's result, or None when it was killed, refused or failed for a reason that a process may fail for."""
        try:
            delivered = await delivering
        except RefusedError as fault:
            self.ends[fault.diagnostics[0].code] += 1
        except InternalError:
            if not process.dead:
                raise
        except MailrayError as fault:
            assert not self.luck.calm or process.dead, fault
            self.ends[fault.diagnostics[0].code] += 1
        except (Exception, asyncio.CancelledError):
            if not process.dead:
                raise
            self.ends["killed"] += 1
        else:
            if not process.dead:
                self.ends["stopped" if delivered.stopped else "done"] += 1
                return delivered
            self.ends["killed"] += 1
        return None

    def _disk(self) -> float:
        """Seconds that the next write takes."""
        host = HOST.get(None)
        stall = host.stall if host is not None else 0.0
        if host is not None:
            host.stall = 0.0
        return stall + self.luck.disk()

    @property
    def _lease(self) -> float:
        return self.reply_timeout + LEASE_MARGIN

    def _wall(self) -> int:
        return START + self.skew + round(asyncio.get_running_loop().time() * 1_000_000)

    def _complaint(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """What nobody waited for: in a dead process, all that it had begun."""
        if not any(process.dead for process in self.processes):
            raise AssertionError(context)
