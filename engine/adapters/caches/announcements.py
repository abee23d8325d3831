"""What other nodes say that they have invalidated."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import redis

from engine.adapters.caches.redis_layer import CHANNEL
from engine.cache.breaker import Breaker
from engine.cache.figures import Figures
from engine.cache.stack import CacheStack

PATIENCE = 0.2
"""Seconds to wait for a message before looking whether to end."""


class Announcements:
    """Hears a channel on a connection of its own; whenever it begins to hear, something may have been missed.

    ``connect`` gives a client that tries nothing again: one that subscribes again by itself would not say that it was deaf.
    """

    def __init__(
        self,
        connect: Callable[[], redis.Redis],
        stacks: Sequence[CacheStack],
        breaker: Breaker,
        figures: Figures,
    ) -> None:
        self._connect = connect
        self._stacks = {each.space.prefix: each for each in stacks}
        self._breaker = breaker
        self._figures = figures

    def hear(self, ended: Event) -> None:
        """Until ``ended``."""
        while not ended.is_set():
            if not self._breaker.due:
                ended.wait(PATIENCE)
                continue
            try:
                self._session(ended)
            except (redis.RedisError, OSError):
                self._figures.happened("redis", "deaf")
                self._breaker.failed()

    def _session(self, ended: Event) -> None:
        with self._connect() as client, client.pubsub() as channel:
            channel.subscribe(CHANNEL)
            while not ended.is_set():
                message = channel.get_message(timeout=PATIENCE)
                if message is not None:
                    self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._breaker.succeeded()
            for each in self._stacks.values():
                each.missed()
        elif message["type"] == "message":
            self._heard(message["data"])

    def _heard(self, text: bytes) -> None:
        """Whoever can write to Redis can say anything here; the worst that follows is a miss."""
        try:
            prefix, names = json.loads(text)
            stack = self._stacks.get(prefix)
            if stack is not None:
                stack.heard([str(each) for each in names])
        except (ValueError, TypeError, RecursionError):
            self._figures.happened("redis", "foreign")
