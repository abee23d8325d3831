"""A cache of three layers as it is mostly written: each person for themselves, one await after the other."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
import redis.asyncio

from engine.audience.store import USERS
from engine.pipeline.definition import TENANT

TTL = 300
_SELECT = f"SELECT {', '.join(USERS.names)} FROM mailray.users WHERE tenant = %s AND user_id = %s"  # prepared after its fifth time


class WorkflowDataCache:
    """A dictionary, JSON in Redis, and a row of the database; what a layer does not have is written back to all above it."""

    def __init__(self, client: redis.asyncio.Redis, database: psycopg.AsyncConnection[Any]) -> None:
        self.l1_cache: dict[str, dict[str, Any]] = {}
        self.l2_cache = client
        self._database = database

    async def get_user_workflow_data(self, user_id: str, workflow: str) -> dict[str, Any]:
        key = f"user_data:{workflow}:{user_id}"
        item = self.l1_cache.get(key)
        if item is not None and time.time() - item["timestamp"] < item["ttl"]:
            found: dict[str, Any] = item["data"]
            return found
        text = await self.l2_cache.get(key)
        if text:
            found = json.loads(text)
            self.l1_cache[key] = {"data": found, "timestamp": time.time(), "ttl": TTL}
            return found
        found = await self._fetch_user_data(user_id)
        await self._cache_at_all_levels(key, found)
        return found

    async def _fetch_user_data(self, user_id: str) -> dict[str, Any]:
        cursor = await self._database.execute(_SELECT, (TENANT, user_id))
        row = await cursor.fetchone()
        assert row is not None
        return dict(zip(USERS.names, row, strict=True))

    async def _cache_at_all_levels(self, key: str, found: dict[str, Any]) -> None:
        self.l1_cache[key] = {"data": found, "timestamp": time.time(), "ttl": TTL}
        await self.l2_cache.setex(key, TTL, json.dumps(found, default=str))

    async def close(self) -> None:
        await self.l2_cache.aclose()
        await self._database.close()
