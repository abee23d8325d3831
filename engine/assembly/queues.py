"""The queue of the automation: beside the store, or in a Redis that keeps what it acknowledges."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from engine.adapters.queues.sqlite_queue import SqliteQueue
from engine.assembly.secret_references import resolve_secret
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_pool
from engine.assembly.wall_clock import wall
from engine.errors import UsageError
from engine.queueing.contract import Queue


def open_queue(settings: AppSettings) -> Queue:
    """Raises UsageError (MR870) for an address that cannot be used, CampaignError (MR161) for a password that is not there."""
    if settings.queue is not None:
        return _in_redis(settings.queue, settings.redis_password)
    if settings.store is None:
        return SqliteQueue(settings.stores_folder / "queue.sqlite", lambda: wall() / 1e6)
    from engine.adapters.queues.postgres_queue import PostgresQueue

    return PostgresQueue(open_pool(settings.stores_at))


def _in_redis(url: str, reference: str | None) -> Queue:
    from engine.adapters.queues.redis_queue import RedisQueue

    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.port or 1) and parts.path[1:].isdigit()
    except ValueError:
        raise _no_address("it is malformed") from None
    if parts.password is not None:
        raise _no_address("it holds a password")
    if not fits or parts.query:
        raise _no_address("it is none")
    return RedisQueue(url, None if reference is None else resolve_secret(reference, Path.cwd()).decode())


def _no_address(why: str) -> UsageError:
    return UsageError.single(
        "MR870",
        f"the address of the queue cannot be used: {why}",
        help="queue = redis://host:6379/0, and the password by reference: redis_password; left out, it is in the store",
    )
