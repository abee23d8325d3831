"""What a campaign's author writes about its sender, in wire form or refused as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.campaign.schema import Campaign
from engine.delivery.mime.sender import SenderHeaders, SenderIdentity
from engine.errors import CampaignError

PLAIN = SenderIdentity("news@shop.example.com", "spring", "acme", "lifecycle_campaign")


def test_the_least_that_a_sender_is() -> None:
    headers = SenderHeaders.of(PLAIN, smtputf8=False)
    assert headers.from_mailbox == headers.return_path == "news@shop.example.com"
    assert headers.domain == "shop.example.com"
    assert headers.feedback_id == "spring:acme:lifecycle_campaign:shop.example.co"
    assert headers.reply_to is None
    assert headers.around_token == ()


def test_names_and_addresses_get_their_wire_form() -> None:
    identity = replace(
        PLAIN, name="Müller & Söhne", reply_to="help@bücher.example", return_path="bounce@bücher.example"
    )
    headers = SenderHeaders.of(identity, smtputf8=False)
    assert headers.from_mailbox == "=?utf-8?b?TcO8bGxlciAmIFPDtmhuZQ==?= <news@shop.example.com>"
    assert (headers.reply_to, headers.return_path) == ("help@xn--bcher-kva.example", "bounce@xn--bcher-kva.example")


def test_one_click_urls_stay_whole() -> None:
    url = "https://shop.example.com/" + "p" * 500 + "?list=spring%20sale&t="
    identity = replace(PLAIN, unsubscribe_url=url, unsubscribe_mailto="leave+us@shop.example.com")
    assert SenderHeaders.of(identity, smtputf8=False).around_token == (
        f"List-Unsubscribe: <{url}",
        ">,\r\n <mailto:leave+us@shop.example.com?subject=",
        ">\r\n",
    )


def test_an_address_is_quoted_in_a_mailto_url() -> None:
    identity = replace(
        PLAIN, unsubscribe_url="https://shop.example.com/", unsubscribe_mailto="a?b%c&d@shop.example.com"
    )
    assert (
        SenderHeaders.of(identity, smtputf8=False)
        .around_token[1]
        .endswith("<mailto:a%3Fb%25c%26d@shop.example.com?subject=")
    )


@pytest.mark.parametrize(
    "change",
    [
        {"address": "news"},
        {"address": "news@shop.example.com\r\nBcc: a@example.com"},
        {"name": "Shop\nBcc: a@example.com"},
        {"reply_to": "a@example.com, b@example.com"},
        {"return_path": ""},
        {"unsubscribe_url": "http://shop.example.com/"},
        {"unsubscribe_url": "https://shop.example.com/a b"},
        {"unsubscribe_url": "https://shop.example.com/>, <https://elsewhere.example.com/"},
        {"unsubscribe_url": "https://shop.example.com/\r\nBcc: a@example.com"},
        {"unsubscribe_url": "https://shop.example.com/#here"},
        {"unsubscribe_url": "https://shop.example.com/" + "p" * 900},
        {"unsubscribe_url": "https://bücher.example/"},
        {"unsubscribe_mailto": "leave?subject=x@shop.example.com>"},
        {"campaign": "a:b"},
        {"customer": "a b"},
        {"customer": ""},
        {"mail_type": "x" * 201},
    ],
)
def test_what_no_header_can_hold_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CampaignError) as refused:
        SenderHeaders.of(replace(PLAIN, **change), smtputf8=False)
    assert [fault.code for fault in refused.value.diagnostics] == ["MR709"]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(CampaignError) as refused:
        SenderHeaders.of(replace(PLAIN, name="a\0", reply_to="b", customer="c d"), smtputf8=False)
    assert len(refused.value.diagnostics) == 3


def test_the_identity_of_a_campaign_file() -> None:
    delivery = {
        "from": {"address": "news@shop.example.com", "name": "Shop"},
        "reply_to": "help@shop.example.com",
        "unsubscribe": {"url": "https://shop.example.com/u?t=", "mailto": "leave@shop.example.com"},
    }
    campaign = Campaign.model_validate(
        {
            "name": "spring",
            "type": "lifecycle_campaign",
            "audience": {"source": "people.parquet", "key": "id"},
            "workflow": [{"id": "offer", "type": "send_email", "template": "offer"}],
            "delivery": delivery,
        }
    )
    assert SenderIdentity.of(campaign, "acme") == SenderIdentity(
        "news@shop.example.com",
        campaign="spring",
        customer="acme",
        mail_type="lifecycle_campaign",
        name="Shop",
        reply_to="help@shop.example.com",
        unsubscribe_url="https://shop.example.com/u?t=",
        unsubscribe_mailto="leave@shop.example.com",
    )
