"""Which queue an automation has: beside its store, or in Redis, with an address that can be used."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.queues.postgres_queue import PostgresQueue
from engine.adapters.queues.redis_queue import RedisQueue
from engine.adapters.queues.sqlite_queue import SqliteQueue
from engine.assembly.queues import open_queue
from engine.assembly.settings import AppSettings
from engine.errors import CampaignError, UsageError


def settings(folder: Path, **more: object) -> AppSettings:
    return AppSettings.load(stores=folder, **more)


def test_it_is_a_file_beside_the_store_or_in_the_stores_database(tmp_path: Path, postgres: Any) -> None:
    with closing(open_queue(settings(tmp_path))) as queue:
        assert isinstance(queue, SqliteQueue)
        assert not any(queue.depths("default").values())
    assert (tmp_path / "queue.sqlite").exists()
    secret = tmp_path / "password"
    secret.write_text(postgres.password)
    with closing(open_queue(settings(tmp_path, store=postgres.url, store_password=f"file:{secret}"))) as queue:
        assert isinstance(queue, PostgresQueue)


def test_it_is_in_redis_when_that_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("not-a-secret")
    at = settings(tmp_path, queue="redis://127.0.0.1:1/0", redis_password=f"file:{secret}")
    with closing(open_queue(at)) as queue:
        assert isinstance(queue, RedisQueue)
    with pytest.raises(CampaignError):
        open_queue(settings(tmp_path, queue="redis://127.0.0.1:1/0", redis_password="env:NO_SUCH_NAME"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://me:word@queue.test/0", "holds a password"),
        ("amqp://queue.test/0", "it is none"),
        ("redis://queue.test", "it is none"),
        ("redis://queue.test:99999/0", "malformed"),
        ("redis://queue.test/0?db=1", "it is none"),
    ],
)
def test_an_address_that_cannot_be_used(tmp_path: Path, url: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_queue(settings(tmp_path, queue=url))
    (diagnostic,) = caught.value.diagnostics
    assert (
        diagnostic.code == "MR870"
        and why in diagnostic.message
        and "word" not in str(caught.value).replace("password", "")
    )
