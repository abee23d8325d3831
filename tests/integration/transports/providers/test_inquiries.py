"""Providers that are asked about messages and do not answer as they should: nothing is ever known that is not said."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import fake_providers
import pytest
from fake_providers import DROP, reply

from engine.adapters.transports import Credentials, TransportSettings, open_inquiry
from engine.delivery.doubts import Evidence
from engine.errors import ServiceError

KEYS = [bytes([number]) * 16 for number in range(1, 4)]
OTHER = {"MessageID": "pm-9", "Status": "Sent", "Metadata": {"delivery-key": "ff" * 16}}
OURS = {"MessageID": "pm-1", "Status": "Sent", "Metadata": {"delivery-key": KEYS[0].hex()}}
FOUND = {"postmark": {"Messages": [OURS]}, "sendgrid": {"messages": [{"msg_id": "sg-1", "status": "delivered"}]}}
SEARCHED = pytest.mark.parametrize("kind", ["postmark", "sendgrid"])


def ask(kind: str, *faults: Any, token: str = "sesame", keys: list[bytes] = KEYS) -> dict[bytes, Evidence]:
    async def asked() -> dict[bytes, Evidence]:
        async with fake_providers.provider(kind, faults=[*faults]) as fake:
            settings = TransportSettings(credentials=Credentials.of(token))
            inquiry = open_inquiry(f"http+{kind}://127.0.0.1:{fake.port}", settings)
            return dict(await asyncio.to_thread(inquiry.ask, keys))

    return asyncio.run(asked())


@SEARCHED
@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"not JSON"),
        (200, {}, b"[]"),
        (200, {}, b"null"),
        reply(200, {"Messages": None, "messages": 7}),
        reply(200, {"Messages": [None, 7], "messages": ["x"]}),
        reply(200, {"Messages": [OTHER], "messages": []}),
    ],
)
def test_an_answer_that_says_nothing_of_the_message_proves_nothing(kind: str, answer: Any) -> None:
    assert ask(kind, answer, keys=KEYS[:1]) == {}


@SEARCHED
def test_of_texts_only_names_are_kept(kind: str) -> None:
    told = json.dumps(FOUND[kind]).replace("Sent", "to a@example.com").replace("delivered", "to a@example.com")
    [evidence] = ask(kind, (200, {}, told.encode()), keys=KEYS[:1]).values()
    assert evidence.what == "there"


@SEARCHED
@pytest.mark.parametrize("fault", [reply(403, {}), reply(404, {}), reply(500, {}), DROP])
def test_who_does_not_answer_is_named(kind: str, fault: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        ask(kind, fault)
    [told] = caught.value.diagnostics
    assert told.code == "MR755"
    assert "sesame" not in str(told)


@SEARCHED
def test_wrong_credentials_are_no_answer(kind: str) -> None:
    with pytest.raises(ServiceError):
        ask(kind, token="wrong")


def test_what_is_known_by_the_time_that_the_provider_has_enough_counts() -> None:
    assert set(ask("sendgrid", reply(200, FOUND["sendgrid"]), reply(429, {}))) == {KEYS[0]}
