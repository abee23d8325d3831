"""The caches as a process opens them: over real stores, with and without Redis."""

import ast
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from prometheus_client import generate_latest

from engine.adapters.caches.metrics import cache_metrics
from engine.adapters.caches.redis_layer import CHANNEL, connect
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.adapters.stores.suppression_sqlite import SqliteSuppression
from engine.assembly.cache import Cache, look_at_redis, open_cache
from engine.assembly.campaign import open_campaign
from engine.assembly.doctor import examine
from engine.assembly.settings import AppSettings, CacheAt
from engine.assembly.worker import PROGRAMS, mailing_of
from engine.audience.store import Store, Write
from engine.audience.suppression import GLOBAL, Suppression, SuppressionReason
from engine.errors import CampaignError, UsageError
from engine.pipeline.definition import TENANT

Until = Callable[[Callable[[], bool]], None]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = SqliteStore(tmp_path / "store.sqlite", TENANT)
    yield made
    made.close()


@pytest.fixture
def at(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> CacheAt:
    monkeypatch.setenv("THE_PASSWORD", redis_server.password)
    monkeypatch.setenv("THE_SECRET", "not-a-secret")
    return CacheAt(redis_server.url, "env:THE_PASSWORD", "env:THE_SECRET")


def put(store: Store, name: str, first_name: str, sequence: int) -> None:
    users = pa.record_batch({"user_id": [name], "first_name": [first_name]})
    store.put_users(users, Write(uuid.uuid4().hex, "test", "test", sequence))


def first_names(cache: Cache, *names: str) -> list[str]:
    found: list[str] = cache.users.get_many(pa.array(names)).rows.column("first_name").to_pylist()
    return found


def test_a_process_alone_sees_what_others_write(store: Store, tmp_path: Path, until: Until) -> None:
    put(store, "a", "Ada", 1)
    with open_cache(CacheAt(), store) as cache:
        assert first_names(cache, "a", "b") == ["Ada"]
        other = SqliteStore(tmp_path / "store.sqlite", TENANT)
        put(other, "a", "Augusta", 2)
        put(other, "b", "Bea", 2)
        other.close()
        until(lambda: first_names(cache, "a", "b") == ["Augusta", "Bea"])


def test_two_processes_share_what_they_have_read(store: Store, at: CacheAt, until: Until) -> None:
    put(store, "a", "Ada", 1)
    with open_cache(at, store) as one, open_cache(at, store) as other:
        assert first_names(one, "a") == first_names(other, "a") == ["Ada"]
        assert "store" not in other.figures.layers() and other.figures.layers()["redis"].hits == 1
        put(store, "a", "Augusta", 2)
        one.users.invalidate(["a"])
        assert first_names(one, "a") == ["Augusta"]
        until(lambda: first_names(other, "a") == ["Augusta"])


def test_figures_for_prometheus(store: Store) -> None:
    with open_cache(CacheAt(), store) as cache:
        first_names(cache, "a", "b")
        first_names(cache, "a")
        layers, events, held = cache.figures.layers(), cache.figures.events(), cache.memory.held
    text = generate_latest(SimpleNamespace(collect=lambda: cache_metrics(layers, events, held))).decode()
    assert 'mailray_cache_keys_total{layer="memory",result="hit"} 1.0' in text
    assert 'mailray_cache_keys_total{layer="memory",result="miss"} 2.0' in text
    assert 'mailray_cache_seconds_count{layer="store"} 1.0' in text
    assert f"mailray_cache_memory_bytes {float(held)}" in text and held


def test_a_user_of_redis_needs_our_keys_and_our_channel_only(
    store: Store, at: CacheAt, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    everything = connect(at.redis or "", "not-a-secret")
    kinds = ["+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "+info", "-@dangerous", "+info"]
    everything.acl_setuser(
        "cache", enabled=True, passwords=["+other"], keys=["mailray:*"], channels=["mailray:*"], commands=kinds
    )
    monkeypatch.setenv("THE_PASSWORD", "other")
    limited = replace(at, redis=(at.redis or "").replace("redis://", "redis://cache@"))
    put(store, "a", "Ada", 1)
    try:
        assert "answers" in look_at_redis(limited)
        with open_cache(limited, store) as one, open_cache(limited, store) as other:
            until(lambda: everything.pubsub_numsub(CHANNEL)[0][1] == 2)
            assert first_names(one, "a") == first_names(other, "a") == ["Ada"]
            one.users.invalidate(["a"])
            until(lambda: other.figures.events().get(("memory", "invalidated"), 0) > 0)
            assert {event for _, event in one.figures.events()}.isdisjoint({"failed", "deaf"})
    finally:
        everything.acl_deluser("cache")


def test_redis_may_be_away_when_a_process_begins(store: Store, at: CacheAt) -> None:
    put(store, "a", "Ada", 1)
    with open_cache(replace(at, redis="redis://127.0.0.1:1/0"), store) as cache:
        assert first_names(cache, "a") == ["Ada"]
        assert cache.figures.events()["redis", "failed"] >= 1


@pytest.mark.parametrize(
    ("redis", "words"),
    [
        ("redis://user:secret@127.0.0.1:6379/0", "holds a password"),
        ("http://127.0.0.1/0", "none"),
        ("redis://127.0.0.1:6379", "none"),
        ("redis:///0", "none"),
        ("redis://127.0.0.1:6379/0?socket_timeout=100", "none"),
        ("redis://127.0.0.1:port/0", "malformed"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(store: Store, at: CacheAt, redis: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"MR681.*{words}") as refused, open_cache(replace(at, redis=redis), store):
        pass
    assert "secret@" not in str(refused.value)


def test_redis_without_a_secret_of_ours_is_refused(store: Store, at: CacheAt) -> None:
    with pytest.raises(UsageError, match="MR682"), open_cache(replace(at, secret=None), store):
        pass
    with pytest.raises(CampaignError, match="MR161"), open_cache(replace(at, secret="env:NOT_SET"), store):
        pass


def test_references_to_files_mean_the_same_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = AppSettings.load(redis="redis://h/0", redis_password="file:p", cache_secret="env:S", cache_memory_mib=3)
    assert settings.cache_at == CacheAt("redis://h/0", f"file:{tmp_path / 'p'}", "env:S", 3 << 20, 300.0)
    with pytest.raises(UsageError, match="cache_secret"):
        AppSettings.load(cache_secret="in plain sight")


def test_the_doctor_says_whether_redis_answers(at: CacheAt, tmp_path: Path) -> None:
    def finding(**changes: Any) -> Any:
        given = {"redis": at.redis, "redis_password": at.password, "cache_secret": at.secret, **changes}
        found = [each for each in examine(AppSettings.load(runs=tmp_path, **given)) if each.name == "redis"]
        return found[0] if found else None

    assert finding().ok and "answers, version 7" in finding().detail
    assert finding(redis=None) is None
    assert (
        not finding(redis="redis://127.0.0.1:1/0").ok
        and "does not answer" in finding(redis="redis://127.0.0.1:1/0").detail
    )
    assert not finding(redis_password=None).ok
    assert not finding(cache_secret=None).ok and "no secret" in finding(cache_secret=None).detail


def test_whoever_is_suppressed_is_so_at_once_whatever_caches_hold(store: Store, at: CacheAt, tmp_path: Path) -> None:
    """Suppression is asked of its own store, and leaves nothing in a cache."""
    users = pa.record_batch({"user_id": ["a"], "email": ["a@example.com"], "subscription_status": ["active"]})
    store.put_users(users, Write("run", "step", "key", 1))
    client = connect(at.redis or "", "not-a-secret")
    suppression = SqliteSuppression(tmp_path / "suppression.sqlite", TENANT)
    with open_cache(at, store) as cache:
        assert cache.users.get_many(pa.array(["a"])).rows.column("subscription_status").to_pylist() == ["active"]
        before = client.dbsize(), cache.users._memory.held
        suppression.add([Suppression("b@example.com", GLOBAL, SuppressionReason.COMPLAINED, "test", 1)])
        assert suppression.among(["a@example.com", "b@example.com"], GLOBAL) == {"b@example.com"}
        assert (client.dbsize(), cache.users._memory.held) == before
        assert not any(b"b@example.com" in (client.get(key) or b"") for key in client.keys("mailray:*:users-*"))  # type: ignore[union-attr,operator]
    suppression.close()


def test_nothing_of_suppression_knows_of_the_caches_nor_they_of_it() -> None:
    def imports(path: Path) -> set[str]:
        tree = ast.walk(ast.parse(path.read_text("utf-8")))
        return {each.module or "" for each in tree if isinstance(each, ast.ImportFrom)}

    caches = [
        *(ROOT / "engine/cache").glob("*.py"),
        *(ROOT / "engine/adapters/caches").glob("*.py"),
        ROOT / "engine/assembly/cache.py",
    ]
    asking = [path for path in (ROOT / "engine").rglob("*.py") if "suppression" in path.name] + [
        ROOT / "engine/pipeline/gate.py"
    ]
    assert len(caches) > 15 and len(asking) > 5
    assert not [path for path in caches if any("suppression" in each for each in imports(path))]
    assert not [path for path in asking if any("cache" in each for each in imports(path))]


def test_a_campaign_that_is_opened_again_is_not_compiled_again() -> None:
    opened = open_campaign(ROOT / "examples" / "spring_menswear", datetime(2026, 4, 1, tzinfo=UTC))
    first = mailing_of(opened.definition, opened.templates, opened.loaded.folder)
    made = PROGRAMS.made
    again = mailing_of(opened.definition, opened.templates, opened.loaded.folder)
    assert PROGRAMS.made == made and all(again.programs[name] is each for name, each in first.programs.items())
