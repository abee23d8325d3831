"""The application with parts that live in memory, asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from itertools import count
from typing import Any, cast

import httpx
import pyarrow as pa
import pytest

from engine.adapters.web import FeedbackParts, PostingParts, feedback_application
from engine.assembly.events import SHAPES
from engine.audience.incoming import Reading
from engine.audience.store import Store
from engine.delivery.feedback.contract import Delivery
from engine.delivery.feedback.events import FeedbackEvent
from engine.delivery.feedback.keyring import Keyring, sign_link
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.feedback.webhooks import PostmarkWebhook
from engine.delivery.identity import TokenUse, delivery_keys, tokens
from engine.errors import InputError, TryAgainError
from engine.pipeline.events_intake import EventIntake
from engine.pipeline.triggers_intake import Instruments, TriggerIntake
from engine.workflow.executions import ExecutionStore

SECRET = b"a campaign's secret"
KEYS = delivery_keys("default", "spring", ["offer", "offer"], "2026-03-02", ["19", "20"])
NOW = 1_772_442_000_000_000


TOKEN = "a-token"


@dataclass
class Memory:
    """Deliveries, intake and posted events in memory."""

    events: list[FeedbackEvent] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    workflows: list[str] = field(default_factory=lambda: ["welcome", "winback"])
    asked: int = 0  # how often for the workflows that are known
    seconds: float = 0.0
    numbers: Iterator[int] = field(default_factory=count)
    down: bool = False
    refused: str = ""

    def versions(self) -> pa.RecordBatch:
        self.check()
        self.asked += 1
        return pa.RecordBatch.from_pydict({"workflow": self.workflows, "version": ["1"] * len(self.workflows)})

    def put_events(self, events: pa.RecordBatch) -> int:
        self.check()
        if self.refused in events.column("event_id").to_pylist():
            raise InputError.single("MR676", "not this one")
        self.posted.extend(events.to_pylist())
        return events.num_rows

    def check(self) -> None:
        if self.down:
            raise TryAgainError.single("MR671", "the store cannot be written now")

    def find(self, key: bytes) -> Delivery | None:
        known = Delivery(KEYS[0].as_py(), "run", "spring", "news", "19", "noor.19@example.com")
        return known if key == known.key else None

    def find_message_id(self, left: str) -> Delivery | None:
        return None

    def take(self, events: Sequence[FeedbackEvent]) -> int:
        self.check()
        self.events.extend(events)
        return len(events)


@dataclass(frozen=True)
class Asked:
    """Ways to ask for things, and what became of them."""

    memory: Memory
    unsubscribe: str
    unknown: str
    pixel: str
    click: Callable[[str], str]


@pytest.fixture(scope="session")
def rules() -> BounceRules:
    return BounceRules.parse(resources.files("engine.adapters.feedback").joinpath("rules.toml").read_text("utf-8"))


@pytest.fixture
def asked() -> Asked:
    def token(use: TokenUse, row: int = 0) -> str:
        return str(tokens(SECRET, KEYS, use)[row].as_py())

    return Asked(
        Memory(),
        f"/u/{token(TokenUse.UNSUBSCRIBE)}",
        f"/u/{token(TokenUse.UNSUBSCRIBE, 1)}",  # genuine, of a message that nobody knows
        f"/o/{token(TokenUse.TRACKING)}.gif",
        lambda url: f"/c/{token(TokenUse.TRACKING)}/{sign_link(SECRET, 'default', url)}",
    )


@pytest.fixture
def ask(asked: Asked, rules: BounceRules) -> Callable[..., httpx.Response]:
    """Ask for a path; redirects are not followed."""
    keyring, webhooks = Keyring([SECRET], "default"), [PostmarkWebhook(b"hook:password", rules)]
    memory = asked.memory
    store = cast("Store", memory)
    instruments = Instruments(lambda: NOW, lambda: memory.seconds, lambda: f"unique {next(memory.numbers)}")
    triggers = TriggerIntake(store, cast("ExecutionStore", memory), instruments)
    posting = PostingParts(EventIntake(store, Reading(SHAPES["events"])), triggers, TOKEN.encode())
    parts = FeedbackParts(keyring, memory, memory, webhooks, lambda: NOW, memory.check, posting)
    transport = httpx.ASGITransport(feedback_application(parts))

    async def answer(method: str, path: str, **given: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="https://go.example.com") as client:
            return await client.request(method, path, **given)

    return lambda method, path, **given: asyncio.run(answer(method, path, **given))
