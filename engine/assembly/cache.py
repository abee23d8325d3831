"""The caches of a process: what it knows of people, near at hand."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from engine.adapters.caches.keeper import Background, kept
from engine.adapters.caches.stored_users import StoredUsers
from engine.assembly.secret_references import resolve_secret
from engine.assembly.settings import CacheAt
from engine.assembly.wall_clock import wall
from engine.audience.store import USERS, Store
from engine.cache.breaker import Breaker
from engine.cache.figures import Figures
from engine.cache.memory import MemoryLayer
from engine.cache.policy import SECOND, Policy
from engine.cache.shared import Shared
from engine.cache.space import Space
from engine.cache.stack import CacheStack, Surroundings
from engine.errors import ServiceError, UsageError
from engine.pipeline.definition import TENANT

if TYPE_CHECKING:
    import redis

    from engine.adapters.caches.announcements import Announcements


@dataclass(frozen=True, slots=True)
class Cache:
    """What a process has of a store near at hand. ``users`` gives people by ``user_id``; whoever changes them in the store invalidates
    them here, or leaves it to every node to find out within a second."""

    users: CacheStack
    figures: Figures
    memory: MemoryLayer


@contextmanager
def open_cache(at: CacheAt, store: Store) -> Iterator[Cache]:
    """The caches over a store, kept up with it while in the block.

    Redis may be away. Raises UsageError (MR681, MR682) and CampaignError (MR161) for settings that cannot be used.
    """
    figures, policy = Figures(), Policy(ttl=round(at.ttl_seconds * SECOND))
    space, origin = Space(TENANT, "users", USERS), StoredUsers(store)
    shared = None if at.redis is None else _shared(at, space, figures)
    background = Background(figures)
    around = Surroundings(wall, time.perf_counter, background.later)
    memory = MemoryLayer(at.memory)
    users = CacheStack(space, origin, memory, shared, policy, figures, around)
    hear = None if at.redis is None else _announcements(at, users, figures).hear
    with ExitStack() as ends:
        ends.callback(background.close)
        ends.enter_context(kept([users], hear, figures))
        yield Cache(users, figures, memory)


def look_at_redis(at: CacheAt) -> str:
    """That it answers, in words. Raises ServiceError (MR683), UsageError and CampaignError."""
    import redis

    _seal_secret(at)
    place = urlsplit(at.redis or "").netloc.rpartition("@")[2]
    try:
        with redis_client(at) as client:
            return f"{place} answers, version {client.info('server')['redis_version']}"
    except redis.RedisError as fault:
        raise ServiceError.single(
            "MR683",
            f"Redis at {place} does not answer, or refuses us: {' '.join(str(fault).split())[:200]}",
            help="runs go on without it, each node with its own memory",
        ) from fault


def redis_client(at: CacheAt, retries: int = 1) -> redis.Redis:
    """Raises UsageError (MR681) for an address that cannot be used, CampaignError (MR161) for a password that is not there."""
    from engine.adapters.caches.redis_layer import connect

    assert at.redis is not None
    try:
        parts = urlsplit(at.redis)
        fits = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.port or 1) and parts.path[1:].isdigit()
    except ValueError:
        raise _no_address("it is malformed") from None
    if parts.password is not None:
        raise _no_address("it holds a password")
    if not fits or parts.query:
        raise _no_address("it is none")
    password = None if at.password is None else resolve_secret(at.password, Path.cwd()).decode()
    return connect(at.redis, password, retries)


def _no_address(why: str) -> UsageError:
    return UsageError.single(
        "MR681",
        f"the address of Redis cannot be used: {why}",
        help="redis = redis://host:6379/0, and the password by reference: redis_password = env:NAME or file:PATH",
    )


def _shared(at: CacheAt, space: Space, figures: Figures) -> Shared:
    from engine.adapters.caches.redis_layer import RedisLayer

    layer = RedisLayer(redis_client(at), _seal_secret(at), wall, figures)
    return Shared(layer, space, _breaker(), figures)


def _seal_secret(at: CacheAt) -> bytes:
    if at.secret is None:
        raise UsageError.single(
            "MR682",
            "Redis is to be a cache, and there is no secret that proves what we have written there",
            help="cache_secret = env:NAME or file:PATH, the same on every node",
        )
    return resolve_secret(at.secret, Path.cwd())


def _announcements(at: CacheAt, users: CacheStack, figures: Figures) -> Announcements:
    from engine.adapters.caches.announcements import Announcements

    return Announcements(partial(redis_client, at, retries=0), [users], _breaker(), figures)


def _breaker() -> Breaker:
    return Breaker(time.monotonic, f"{socket.gethostname()}:{os.getpid()}")
