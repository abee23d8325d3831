"""Two nodes with real Redis between them against a history of all that was ever true.

Whatever happens (changes that are announced or not, messages that are lost, Redis that is away, emptied, poisoned or late, loads
during which things change, time that passes), a node gives nothing

- that was no longer true before the last time that it could know better: its last catch-up, or an invalidation that it made or heard;
- that was no longer true longer ago than lifetime and staleness together;
- of another key or tenant;

and its memory never holds more bytes than it may.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.adapters.caches.redis_layer import RedisLayer, connect
from engine.cache.breaker import Breaker
from engine.cache.figures import Figures
from engine.cache.layer import LayerDownError
from engine.cache.memory import MemoryLayer
from engine.cache.policy import SECOND, Policy
from engine.cache.shared import Shared
from engine.cache.space import Space
from engine.cache.stack import CacheStack, Surroundings

MEMORY = 2_000  # bytes: some of the names
POLICY = Policy()
TENANTS, NAMES = ("a", "a:b"), ("x", "b:x", "y", "z")
nodes, tenants, names = st.sampled_from([0, 1]), st.sampled_from(TENANTS), st.sampled_from(NAMES)


class Way:
    """A layer, and what can become of what it is asked: done, not done, or done and not answered."""

    def __init__(self, layer: RedisLayer) -> None:
        self._layer = layer
        self.state = "well"

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._layer, name)
        return self._through(found) if callable(found) else found

    def _through(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any) -> Any:
            if self.state == "away":
                raise LayerDownError("away")
            answer = ask(*arguments)
            if self.state == "late":
                raise LayerDownError("late")
            return answer

        return asked


class Nodes(RuleBasedStateMachine):
    client: Any
    make_origin: Any

    @initialize()
    def begin(self) -> None:
        self.client.flushdb()
        self.now = 1_750_000_000 * SECOND
        self.origins = {tenant: self.make_origin() for tenant in TENANTS}
        self.history: dict[tuple[str, str], list[tuple[int, str | None]]] = {
            (tenant, name): [(0, None)] for tenant in TENANTS for name in NAMES
        }
        self.least: list[dict[tuple[str, str], int]] = [dict.fromkeys(self.history, 0) for _ in range(2)]
        self.waiting: list[Callable[[], None]] = []
        self.memories = [MemoryLayer(MEMORY) for _ in range(2)]
        self.ways: list[Way] = []
        self.stacks: list[dict[str, CacheStack]] = []
        for node in range(2):
            way = Way(RedisLayer(self.client, b"secret", lambda: self.now, Figures()))
            self.ways.append(way)
            self.stacks.append({tenant: self._stack(tenant, node, way) for tenant in TENANTS})
            for tenant in TENANTS:
                self.catch_up(node, tenant)

    def _stack(self, tenant: str, node: int, way: Any) -> CacheStack:
        space = Space(tenant, "customers", self.origins[tenant].schema)
        shared = Shared(way, space, Breaker(lambda: self.now / SECOND, str(node)), Figures())
        around = Surroundings(lambda: self.now, lambda: self.now / SECOND, lambda work: not self.waiting.append(work))  # type: ignore[func-returns-value]
        return CacheStack(space, self.origins[tenant], self.memories[node], shared, POLICY, Figures(), around)

    def _knows(self, node: int, tenant: str, known: list[str] | tuple[str, ...] = NAMES) -> dict[tuple[str, str], int]:
        return {(tenant, name): len(self.history[tenant, name]) - 1 for name in known}

    def _change(self, tenant: str, name: str, absent: bool = False) -> int:
        made = self.history[tenant, name]
        text = None if absent else f"{tenant} {name} {len(made)}"
        version: int = self.origins[tenant].put(name, text)
        made.append((self.now, text))
        return version

    @rule(tenant=tenants, name=names, absent=st.booleans())
    def change(self, tenant: str, name: str, absent: bool) -> None:
        self._change(tenant, name, absent)

    @rule(tenant=tenants, name=names, node=nodes, heard=st.booleans())
    def change_and_announce(self, tenant: str, name: str, node: int, heard: bool) -> None:
        version = self._change(tenant, name)
        known = self._knows(node, tenant, [name])
        self.stacks[node][tenant].invalidate([name], version)
        self.least[node] |= known
        if heard:
            self.stacks[1 - node][tenant].heard([name])
            if all(each[tenant]._shared.open for each in self.stacks):  # who cannot be told learns by catching up
                self.least[1 - node] |= known

    @rule(node=nodes, tenant=tenants)
    def catch_up(self, node: int, tenant: str) -> None:
        known = self._knows(node, tenant)
        self.stacks[node][tenant].catch_up()
        self.least[node] |= known

    @rule(node=nodes, tenant=tenants, wanted=st.lists(names, min_size=1, max_size=5))
    def get(self, node: int, tenant: str, wanted: list[str]) -> None:
        least = dict(self.least[node])
        began = self.now
        found = self.stacks[node][tenant].get_many(pa.array(wanted))
        assert found.rows.column("name").to_pylist() == [
            name for name, there in zip(wanted, found.found, strict=True) if there
        ]
        texts = iter(found.rows.column("text").to_pylist())
        for name, there in zip(wanted, found.found, strict=True):
            self._may_be_given(tenant, name, next(texts) if there else None, least[tenant, name], began)

    def _may_be_given(self, tenant: str, name: str, text: str | None, least: int, began: int) -> None:
        made = self.history[tenant, name]
        for index in range(least, len(made)):
            over = made[index + 1][0] if index + 1 < len(made) else self.now
            if made[index][1] == text and over >= began - POLICY.ttl - POLICY.stale:
                return
        raise AssertionError(f"{text!r} is not true of {name} of {tenant}: {made} from {least} on, at {began}")

    @rule(
        node=nodes,
        tenant=tenants,
        wanted=st.lists(names, max_size=2),
        name=names,
        by=nodes,
        how=st.sampled_from(["silent", "announced", "caught up"]),
        took=st.sampled_from([0, 1, 25]),
    )
    def change_while_it_is_loaded(
        self, node: int, tenant: str, wanted: list[str], name: str, by: int, how: str, took: int
    ) -> None:
        def meanwhile() -> None:
            self.now += took * SECOND
            if how == "announced":
                self.change_and_announce(tenant, name, by, heard=False)
            else:
                self._change(tenant, name)
            if how == "caught up":
                self.catch_up(by, tenant)

        self.origins[tenant].between = meanwhile
        self.get(node, tenant, [*wanted, name])
        self.origins[tenant].between = None
        self.get(1 - node, tenant, [name])
        self.get(node, tenant, [name])

    @rule(seconds=st.sampled_from([0, 1, 20, 31, 100, 285, 320, 1_000]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule()
    def refresh(self) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each()

    @rule(node=nodes, state=st.sampled_from(["well", "away", "late", "well"]))
    def redis_is(self, node: int, state: str) -> None:
        self.ways[node].state = state

    @rule()
    def redis_is_emptied(self) -> None:
        self.client.flushdb()

    @rule(data=st.data())
    def poison(self, data: st.DataObject) -> None:
        keys = sorted(self.client.keys("*"))
        if keys:
            key, other = data.draw(st.sampled_from(keys)), data.draw(st.sampled_from(keys))
            value = self.client.get(other) or b""
            self.client.set(
                key, data.draw(st.sampled_from([value if other != key else b"x", value[:-3], b"", b"\x80\4K\1."]))
            )

    @invariant()
    def memory_is_bounded(self) -> None:
        if hasattr(self, "memories"):
            assert all(each.held <= MEMORY for each in self.memories)


def test_nodes_never_give_what_they_could_know_better(redis_server: Any, make_customers: Any) -> None:
    class Bound(Nodes):
        client = connect(redis_server.url, redis_server.password)
        make_origin = make_customers

    run_state_machine_as_test(Bound, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))
