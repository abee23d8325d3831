"""The job on databases: store and ledger in PostgreSQL, queue and cache in Redis, both of which go away and come back."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
import redis

from engine.adapters.queues import redis_queue
from engine.pipeline.automation import job

WORKFLOW = """
priority: critical
trigger: {event: left}
workflow:
  - {id: noted, type: update_user_data, set: {visits: visits + 1}}
  - id: ask
    type: trigger_webhook
    url: HOOK/coupon
    payload: {who: user_id}
    response: {coupon: {path: coupon, type: text}}
    retry: {attempts: 9, backoff: 1 second}
  - {id: offer, type: send_email, template: offer}
"""


ASKS_FIRST = """
priority: critical
trigger: {event: left}
workflow:
  - id: ask
    type: trigger_webhook
    url: HOOK/hang
    payload: {who: user_id}
    retry: {attempts: 9, backoff: 1 second}
  - {id: pause, type: wait_condition, for: 1 second}
  - {id: offer, type: send_email, template: offer}
"""


@pytest.fixture
def shop(open_shop: Any, own_postgres: Any, own_redis: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    with redis.Redis(port=own_redis.port, password=own_redis.password) as client:
        client.config_set("appendonly", "yes")
    monkeypatch.setattr(redis_queue, "DEADLINE", 0.3)
    monkeypatch.setenv("POSTGRES_SECRET", own_postgres.password)
    monkeypatch.setenv("REDIS_SECRET", own_redis.password)
    monkeypatch.setenv("CACHE_SECRET", "not-a-secret-but-long-enough-to-be-one")
    return open_shop(
        **{"store": own_postgres.url, "store_password": "env:POSTGRES_SECRET", "store_connection_timeout": 0.5},
        **{"ledger": own_postgres.url, "ledger_password": "env:POSTGRES_SECRET"},
        **{"queue": own_redis.url, "redis": own_redis.url, "redis_password": "env:REDIS_SECRET"},
        cache_secret="env:CACHE_SECRET",
    )


def test_what_goes_away_and_comes_back_loses_nothing(
    shop: Any, watched: Any, own_postgres: Any, own_redis: Any
) -> None:
    """The queue is silent as soon as something was taken in, the database is killed as soon as somebody has entered."""
    shop.workflow("cart", WORKFLOW, offer="{{ coupon }}")
    names = [f"p{number:02}" for number in range(25)]
    shop.people(*names, "late")
    shop.automate()
    shop.happen("left", *names)
    happened: list[str] = []
    accepted: list[int] = []
    with ExitStack() as away:

        def look(counts: Any) -> None:
            told = {code for _, code in watched.faults}
            if counts["events"] and not happened:
                happened.append("queue away")
                away.enter_context(own_redis.silent())
            elif happened == ["queue away"] and "MR691" in told:
                happened.append("queue back")
                away.pop_all().close()
            elif counts["entered"] and happened == ["queue away", "queue back"]:
                happened.append("database away")
                own_postgres.kill()
            elif happened[-1:] == ["database away"] and "MR671" in told:
                happened.append("database back")
                own_postgres.start()
                shop.happen("left", "late")
                accepted.append(counts["accepted"])

        watched.then = look
        # It goes on by itself; whoever was claimed in the moment of the kill is free for the next one, and need not be waited for.
        shop.automate(watch=watched, stopped=lambda: bool(accepted) and watched.counts["accepted"] > accepted[0])
    names.append("late")
    shop.finish()
    assert happened == ["queue away", "queue back", "database away", "database back"]
    assert shop.mails() == {(name, f"cart C-{name}"): 1 for name in names}
    assert {each["visits"] for each in shop.attributes(*names).values()} == {1}
    assert {each["state"] for each in shop.executions()} == {"done"}


def test_who_has_entered_goes_on_and_is_mailed_while_the_queue_is_silent(
    open_shop: Any, watched: Any, own_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Executions that are due, what was decided and messages do not need it; whatever happens meanwhile waits for it."""
    with redis.Redis(port=own_redis.port, password=own_redis.password) as client:
        client.config_set("appendonly", "yes")
    monkeypatch.setattr(redis_queue, "DEADLINE", 0.3)
    monkeypatch.setattr(job, "PAUSE", 100_000)
    monkeypatch.setenv("REDIS_SECRET", own_redis.password)
    shop = open_shop(queue=own_redis.url, redis_password="env:REDIS_SECRET")
    shop.workflow("cart", ASKS_FIRST)
    names = [f"p{number}" for number in range(9)]
    shop.people(*names, "late")
    shop.automate()
    shop.happen("left", *names)
    silent = ExitStack()
    happened: list[str] = []

    def look(counts: Any) -> None:
        if shop.hook.arrived.is_set() and not happened:
            happened.append("queue away")
            silent.enter_context(own_redis.silent())
            shop.happen("left", "late")
        elif happened == ["queue away"] and ("schedule", "MR691") in watched.faults:
            happened.append("answered")
            shop.hook.hangs.set()
        elif happened[-1:] == ["answered"] and counts["accepted"] == len(names):
            happened.append("queue back")
            silent.close()

    watched.then = look
    with silent:
        shop.automate(watch=watched, stopped=lambda: watched.counts.get("accepted") == len(names) + 1)
    assert happened == ["queue away", "answered", "queue back"]
    assert shop.mails() == {(name, "cart offer"): 1 for name in [*names, "late"]}
