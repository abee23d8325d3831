"""A worker over a real store is killed after each of its calls to it: whoever comes next ends with the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.pipeline.automation.contract import LEASE, LiveWorkflow
from engine.pipeline.automation.programs import Programs
from engine.workflow.executions import EffectKind
from engine.workflow.memory import MemoryExecutions
from engine.workflow.webhooks import Answer, Call

SECOND = 1_000_000
FLOW = [
    {"id": "visit", "type": "update_user_data", "set": {"visits": "visits + 1"}},
    {
        **{"id": "sort", "type": "segment_user", "into": "level"},
        **{"choices": [{"when": "visits > 1", "value": "high"}], "else": "low"},
    },
    {"id": "ask", "type": "trigger_webhook", "url": "https://example.com/", "payload": {"n": "visits"}},
    {"id": "again", "type": "update_user_data", "set": {"visits": "visits + 1"}},
    {"id": "offer", "type": "send_email", "template": "offer"},
]


class KilledError(BaseException):
    pass


class Fragile:
    """Counts the calls in ``made``, and is gone after the ``at``-th."""

    def __init__(self, target: Any, made: list[str], at: int) -> None:
        self._target, self._made, self._at = target, made, at

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            self._made.append(name)
            found = getattr(self._target, name)(*given)
            if len(self._made) == self._at:
                raise KilledError
            return found

        return call


def work(shop: Any, items: list[Any]) -> None:
    """All that there is to do, until there is nothing more."""
    shop.tell(*items)
    while any([shop.apply().settled, shop.apply(EffectKind.CALL).settled, shop.go_on().executions]):
        pass


def through(shop: Any, flow: LiveWorkflow, programs: Programs, at: int) -> tuple[list[str], tuple[Any, ...]]:
    """One person's story, with a kill."""
    heard: dict[str, set[str]] = {}
    made: list[str] = []

    def answer(calls: list[Call]) -> list[tuple[Call, Answer, int]]:
        for call in calls:
            heard.setdefault(call.key, set()).add(call.body)
        return [(call, Answer(200), answered) for call in calls]

    items = [shop.item(0, "ann", "left"), shop.item(1, "ann", "bought")]
    shop.clock = 2
    answered = shop.wall()
    shop.employ(flow, make=answer, between=lambda target: Fragile(target, made, at), programs=programs)
    try:
        work(shop, items)
    except KilledError:
        shop.clock += LEASE / SECOND
        shop.employ(flow, make=answer, programs=programs)
        work(shop, items)
    effects = shop.executions.of_user("ann").column("moves").to_pylist()
    return made, (shop.told(), shop.attributes("ann"), shop.segments("ann"), effects, sorted(map(len, heard.values())))


def test_whoever_comes_next_ends_with_the_same(make_shop: Callable[[], Any], live: Callable[..., LiveWorkflow]) -> None:
    flow = live(FLOW)
    programs = Programs([flow], MemoryExecutions(), {})  # pure, so that nobody need compile them anew
    calls, whole = through(make_shop(), flow, programs, 0)
    assert whole[1:3] == ({"visits": 3}, [("level", "high")])
    for at in range(1, len(calls) + 1):
        assert through(make_shop(), flow, programs, at)[1] == whole, (calls[at - 1], at)
