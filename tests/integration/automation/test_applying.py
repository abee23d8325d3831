"""What steps have decided is done: in a real store, and at a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from engine.adapters.webhook_calls import MOST_OF_A_HOST, WebhookCalls
from engine.adapters.webhooks import MOST_AT_A_TIME, WebhookCaller
from engine.pipeline.automation.contract import LEASE, LiveWorkflow
from engine.workflow.executions import EffectKind
from engine.workflow.webhooks import Answer, Call

Live = Callable[..., LiveWorkflow]
SECOND = 1_000_000
VISIT = {"id": "visit", "type": "update_user_data", "set": {"visits": "visits + 1"}}
PAUSE = {"id": "pause", "type": "wait_condition", "for": "1 hour"}
SORT = {
    **{"id": "sort", "type": "segment_user", "into": "level"},
    **{"choices": [{"when": "visits > 1", "value": "high"}], "else": "low"},
}
REPLIES = {"response": {"score": {"path": "score", "type": "integer"}}}
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the system's authorities take long to load


def call_to(url: str, **more: Any) -> dict[str, Any]:
    return {"id": "ask", "type": "trigger_webhook", "url": url, "payload": {"n": "visits"}, **REPLIES, **more}


ASK = call_to("https://example.com/ask")


def test_an_execution_reads_what_it_has_written(shop: Any, live: Live) -> None:
    """It does not go on before, and its worker forgets what it knew of the person."""
    shop.employ(live([VISIT, {**PAUSE, "for": "1 second"}, {**VISIT, "id": "more"}]))
    shop.tell(shop.item(0, "ann", "left"), shop.item(0, "eve", "left"))
    shop.clock = 2
    assert shop.go_on().executions == 0
    applied = shop.apply()
    assert (applied.settled, applied.users, shop.attributes("ann")) == (1, ["ann"], {"visits": 2})
    shop.go_on()
    shop.apply()
    assert shop.attributes("ann") == {"visits": 3}
    assert shop.apply().settled == 0


def test_who_waits_long_loses_nothing_to_who_stands_beside(shop: Any, live: Live) -> None:
    """Ann's update is done in one batch with what was decided hours later; her next one was decided before that, and holds."""
    shop.employ(live([VISIT, PAUSE, {**VISIT, "id": "more"}]))
    shop.tell(shop.item(0, "ann", "left"))
    shop.clock = 20_000
    shop.tell(shop.item(19_999, "bob", "left"))
    assert shop.apply().settled == 2
    assert shop.go_on().executions == 1
    assert shop.apply().settled == 1
    assert (shop.attributes("ann"), shop.attributes("bob")) == ({"visits": 3}, {"visits": 2})


class NeverSettles:
    """The worker is gone before it can say what is done."""

    def __init__(self, executions: Any) -> None:
        self._executions = executions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executions, name)

    def settle(self, names: Sequence[str]) -> int:
        return 0


def test_what_is_applied_again_changes_nothing(shop: Any, live: Live) -> None:
    flow = live([VISIT, SORT])
    shop.employ(flow, between=lambda target: NeverSettles(target) if target is shop.executions else target)
    shop.tell(shop.item(0, "ann", "left"), shop.item(0, "bob", "left"))
    for _ in range(2):
        assert shop.apply().settled == 0
        assert (shop.attributes("ann"), shop.segments("ann")) == ({"visits": 2}, [("level", "high")])
        shop.clock += LEASE / SECOND
    shop.employ(flow)
    assert (shop.apply().settled, shop.attributes("ann")) == (4, {"visits": 2})


def test_of_one_instant_the_last_word_holds(shop: Any, live: Live) -> None:
    """Whatever the names of the steps, and in whichever batch each is done."""
    none = {"id": "a", "type": "update_user_data", "set": {"visits": "0", "tier": "'gold'"}}
    shop.employ(live([VISIT, SORT, none, {**SORT, "id": "asort"}]))
    shop.tell(shop.item(0, "ann", "left"))
    while (
        effects := shop.executions.effects(["update", "membership"], ["cart"], shop.wall(), 1, shop.wall() + LEASE)
    ).num_rows:
        shop.work(effects)
    assert shop.attributes("ann") == {"visits": 0, "tier": "gold"}
    assert shop.segments("ann") == [("level", "low")]


def test_a_person_leaves_the_other_segments_of_the_type(shop: Any, live: Live) -> None:
    none = {**SORT, "id": "none", "choices": [{"when": "visits > 9", "value": "high"}], "else": None}
    after = [none, {**PAUSE, "id": "longer"}, {**SORT, "id": "last"}]
    shop.employ(live([SORT, VISIT, PAUSE, {**SORT, "id": "again"}, {**PAUSE, "id": "later"}, *after]))
    shop.tell(shop.item(0, "ann", "left"), shop.item(0, "eve", "left"))
    shop.apply()
    assert shop.segments("ann") == [("level", "low")]
    shop.clock = 3_600
    shop.go_on()
    shop.apply()
    assert shop.segments("ann") == [("level", "high")]
    shop.clock = 7_200
    shop.go_on()
    shop.apply()
    assert shop.segments("ann") == []
    shop.clock = 10_800
    shop.go_on()
    shop.apply()
    assert shop.segments("ann") == [("level", "high")]


def test_what_the_store_does_not_keep_keeps_nothing_else(shop: Any, live: Live) -> None:
    note = {"id": "note", "type": "update_user_data", "set": {"note": "event.note"}}
    shop.employ(live([note], events={"left": {"note": "text"}}))
    shop.tell(shop.item(0, "ann", "left", {"note": "a\0b"}), shop.item(0, "bob", "left", {"note": "good"}))
    applied = shop.apply()
    assert (applied.settled, applied.users, [each.code for each in applied.faults]) == (2, ["bob"], ["MR863"])
    assert (shop.attributes("bob"), shop.attributes("ann")) == ({"visits": 1, "note": "good"}, {"visits": 1})


class Called:
    """Answers calls, or does not."""

    def __init__(self, shop: Any, answer: Answer | None = None) -> None:
        self.shop, self.answer = shop, answer
        self.calls: list[Call] = []

    def __call__(self, calls: Sequence[Call]) -> list[tuple[Call, Answer, int]]:
        self.calls += calls
        return [(call, self.answer, self.shop.wall()) for call in calls] if self.answer else []


def test_an_answer_moves_on_who_waits_for_it(shop: Any, live: Live) -> None:
    make = Called(shop, Answer(200, body=b'{"score": 7}'))
    shop.employ(live([ASK, {"id": "offer", "type": "send_email", "template": "offer"}]), make=make)
    shop.tell(shop.item(0, "ann", "left"), shop.item(0, "bob", "left"))
    assert (shop.go_on().executions, shop.apply(EffectKind.CALL).settled) == (0, 2)
    assert shop.stands() == [("ann", "done", "offer"), ("bob", "done", "offer")]
    assert [json.loads(call.body) for call in make.calls] == [{"n": 1}] * 2


def test_what_is_not_answered_comes_again_under_the_same_key(shop: Any, live: Live) -> None:
    make = Called(shop)
    shop.employ(live([ASK]), make=make)
    shop.tell(shop.item(0, "ann", "left"))
    assert (shop.apply(EffectKind.CALL).settled, shop.apply(EffectKind.CALL).settled) == (0, 0)
    assert len(make.calls) == 1
    shop.clock += LEASE / SECOND
    make.answer = Answer(503)
    assert shop.apply(EffectKind.CALL).settled == 1
    assert (shop.stands(), make.calls[0] == make.calls[1]) == ([("ann", "ready", "ask")], True)
    shop.clock += 30
    shop.go_on()
    make.answer = Answer(200)
    assert shop.apply(EffectKind.CALL).settled == 1
    assert (shop.stands(), make.calls[2].key) == ([("ann", "done", "ask")], make.calls[0].key)


def test_an_answer_for_who_is_busy_comes_again(shop: Any, live: Live) -> None:
    """Busy because an update is not applied yet, as of one who calls right after it."""
    make = Called(shop, Answer(200))
    shop.employ(live([VISIT, ASK]), make=make)
    shop.tell(shop.item(0, "ann", "left"))
    assert shop.apply(EffectKind.CALL).settled == 0
    assert shop.apply().settled == 1
    shop.clock += LEASE / SECOND
    assert shop.apply(EffectKind.CALL).settled == 1
    assert (shop.stands(), len(make.calls)) == ([("ann", "done", "ask")], 2)


def test_a_saved_answer_is_not_asked_for_again(shop: Any, live: Live) -> None:
    make, flow = Called(shop, Answer(200)), live([ASK, {**ASK, "id": "then"}])
    shop.employ(flow, make=make, between=lambda target: NeverSettles(target) if target is shop.executions else target)
    shop.tell(shop.item(0, "ann", "left"))
    shop.apply(EffectKind.CALL)
    assert shop.stands() == [("ann", "waiting", "then")]
    shop.clock += LEASE / SECOND
    shop.employ(flow, make=make)
    assert shop.apply(EffectKind.CALL).settled == 2
    assert [call.step for call in make.calls] == ["ask", "then"]


def test_who_was_let_out_is_called_about_all_the_same(shop: Any, live: Live) -> None:
    make = Called(shop, Answer(200))
    shop.employ(live([ASK], exit=[{"event": "bought"}]), make=make)
    shop.clock = 2
    shop.tell(shop.item(0, "ann", "left"), shop.item(1, "ann", "bought"))
    assert (shop.apply(EffectKind.CALL).settled, len(make.calls)) == (1, 1)
    assert shop.stands() == [("ann", "exited", "ask")]


def test_who_is_retried_by_hand_is_called_about_again(shop: Any, live: Live) -> None:
    make = Called(shop, Answer(404))
    shop.employ(live([{**ASK, "critical": True}]), make=make)
    shop.tell(shop.item(0, "ann", "left"))
    shop.apply(EffectKind.CALL)
    assert shop.stands() == [("ann", "failed", "ask")]
    shop.executions.retry(shop.executions.of_user("ann").column("execution_id").to_pylist(), shop.wall())
    make.answer = Answer(200)
    assert (shop.go_on().executions, shop.apply(EffectKind.CALL).settled) == (1, 1)
    assert (shop.stands(), len({call.key for call in make.calls})) == ([("ann", "done", "ask")], 2)


def test_nobody_is_called_for_a_version_without_a_program(shop: Any, live: Live) -> None:
    make = Called(shop, Answer(200))
    shop.employ(
        live([ASK, {"id": "odd", "type": "generic", "uses": "odd"}]), make=make, installed={"odd": lambda *_: None}
    )
    shop.tell(shop.item(0, "ann", "left"))
    shop.employ(live([ASK]), make=make)
    applied = shop.apply(EffectKind.CALL)
    assert (applied.settled, [each.code for each in applied.faults], make.calls) == (0, ["MR861"], [])


class Hook(ThreadingHTTPServer):
    """Answers calls with a score; while ``hangs`` it answers nobody, and ``asked`` is released with each call."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.seen: list[tuple[str, str, bytes]] = []
        self.asked, self.free = threading.Semaphore(0), threading.Event()
        self.free.set()


class Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Hook)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.seen.append((self.path, self.headers["Idempotency-Key"], body))
        server.asked.release()
        server.free.wait()
        answer = b'{"score": 7}'
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except ConnectionError:
            pass  # the caller has gone

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.free.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def calls(hook: Hook, shop: Any) -> Iterator[WebhookCalls]:
    caller = WebhookCaller(no_secret, [f"127.0.0.1:{hook.server_port}"], tls=TLS)
    made = WebhookCalls(caller, shop.wall)
    yield made
    made.close()


def no_secret(*reference: str) -> str:
    raise AssertionError("no credentials were named")


def test_a_webhook_is_called_and_its_answer_read(shop: Any, live: Live, hook: Hook, calls: WebhookCalls) -> None:
    url = f"http://127.0.0.1:{hook.server_port}/in"
    sort = {**SORT, "choices": [{"when": "score = 7", "value": "high"}]}
    shop.employ(live([call_to(url), sort]), make=calls)
    shop.tell(shop.item(0, "ann", "left"), shop.item(0, "bob", "left"))
    assert shop.apply(EffectKind.CALL).settled == 2
    shop.apply()
    assert (shop.segments("ann"), shop.segments("bob")) == ([("level", "high")], [("level", "high")])
    ids = [row["execution_id"] for user in ("ann", "bob") for row in shop.executions.of_user(user).to_pylist()]
    assert sorted(hook.seen) == sorted(("/in", f'"{each}/ask/0"', b'{"n":1}') for each in ids)


def call(number: int, url: str, per_second: float | None = None) -> Call:
    named = {"name": f"x{number}/ask/0/1", "key": f"x{number}/ask/0", "workflow": "cart", "execution_id": f"x{number}"}
    how = {"url": url, "method": "POST", "headers": {}, "credentials": None, "per_second": per_second}
    return Call(**named, step="ask", occurrence=0, attempt=1, response={}, body="{}", **how)  # type: ignore[arg-type]


def test_a_call_whose_turn_is_far_off_is_left_for_later(hook: Hook, calls: WebhookCalls) -> None:
    slow = [call(number, f"http://127.0.0.1:{hook.server_port}/", 0.001) for number in range(3)]
    assert [made.name for made, _, _ in calls(slow)] == ["x0/ask/0/1"]
    assert calls(slow) == []
    assert len(calls([call(9, f"http://127.0.0.1:{hook.server_port}/")])) == 1


class OneHostHangs(WebhookCaller):
    """Nobody hears from it."""

    def __init__(self) -> None:
        super().__init__(no_secret, tls=TLS)
        self.asked = threading.Semaphore(0)

    async def call(self, call: Call) -> Answer:
        if "slow" in call.url:
            self.asked.release()
            await asyncio.Event().wait()
        return Answer(200)


def test_a_host_that_does_not_answer_leaves_room_for_others() -> None:
    caller = OneHostHangs()
    calls = WebhookCalls(caller, lambda: 7)
    hanging = [call(number, "https://slow.example.com/") for number in range(2 * MOST_AT_A_TIME)]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(calls, hanging)
        assert all(caller.asked.acquire(timeout=60) for _ in range(MOST_OF_A_HOST))
        ((_, answer, at),) = calls([call(99, "https://example.com/")])
        assert (answer.status, at, caller.asked.acquire(blocking=False)) == (200, 7, False)
        calls.close()
        assert waiting.result() == []


def test_who_waits_for_calls_is_let_go_when_they_are_closed(hook: Hook, calls: WebhookCalls) -> None:
    hook.free.clear()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(calls, [call(1, f"http://127.0.0.1:{hook.server_port}/")])
        assert hook.asked.acquire(timeout=60)
        calls.close()
        assert waiting.result() == []
        calls.close()


def test_a_call_that_cannot_be_made_keeps_no_other(hook: Hook, calls: WebhookCalls) -> None:
    good = call(1, f"http://127.0.0.1:{hook.server_port}/")
    bad = replace(good, name="x2/ask/0/1", headers={"X": "\ud800"})
    answers = {made.name: (answer.status, answer.again) for made, answer, _ in calls([bad, good])}
    assert answers == {"x1/ask/0/1": (200, True), "x2/ask/0/1": (None, False)}
