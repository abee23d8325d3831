"""What tracking writes into templates, and what it leaves alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from engine.campaign.schema import Campaign, Tracking
from engine.delivery.feedback.keyring import Keyring
from engine.delivery.identity import TokenUse, delivery_keys
from engine.delivery.mime import MessageProgram, SenderIdentity
from engine.monitoring import Stages
from engine.pipeline.definition import TENANT
from engine.pipeline.materialise import Mailing, Materialiser
from engine.pipeline.programs import compile_templates
from engine.pipeline.tracking import tracked
from engine.templates.catalogue import TemplateSet, catalogue_of

SECRET = b"a campaign's secret"
KEYRING = Keyring([SECRET], TENANT)
URL = "https://go.example.com/"


def template(page: str, **files: str) -> TemplateSet:
    sources = {"a.subject.j2": "Hello", "a.txt.j2": "https://example.com/text", "a.html.j2": page}
    return catalogue_of(["a"], {**sources, **{f"{name}.html.j2": text for name, text in files.items()}}).templates[0]


def messages(
    page: str, return_path: str | None = None, tracking: Tracking | None = None, **files: str
) -> list[tuple[str, str]]:
    """Sender and text of two messages, quoted-printable undone."""
    campaign = Campaign.model_validate(
        {
            "name": "spring",
            "type": "nurture_sequence",
            "audience": {"source": "a.parquet", "key": "id"},
            "workflow": [{"id": "first", "type": "send_email", "template": "a"}],
            "delivery": {"from": {"address": "news@example.com"}, "return_path": return_path},
        },
        by_name=False,
    )
    keys = delivery_keys(TENANT, "spring", ["first"] * 2, "2026-03-02", ["1", "2"])
    outbox = pa.RecordBatch.from_arrays(
        [
            pa.array([0, 1]),
            pa.array(["a1@example.com", "a2@example.com"]),
            pa.array(["a", "a"]),
            keys,
            pa.array(["x", "y"]),
        ],
        names=["row", "address", "template", "key", "field:name"],
    )
    mailing = Mailing(
        compile_templates(campaign, tracked([template(page, **files)], tracking or Tracking(url=URL), SECRET)),
        MessageProgram(SenderIdentity.of(campaign, TENANT), secret=SECRET),
        SECRET,
        datetime(2026, 3, 2, tzinfo=UTC),
        None,
        tracking=URL,
        return_path=return_path,
    )
    (block,) = Materialiser(mailing, outbox, Stages(lambda: 0.0)).blocks([0, 1])
    assert not block.faults
    return [
        (each.sender, bytes(each.content).decode().replace("=\r\n", "").replace("=3D", "=")) for each in block.messages
    ]


def links(text: str) -> list[tuple[bytes | None, str | None]]:
    """Of each tracked link the message and where it leads."""
    found = re.findall(r'href="https://go\.example\.com/c/([^/"]+)/([^/"]+)"', text, re.IGNORECASE)
    return [(KEYRING.key_of(token, TokenUse.TRACKING), KEYRING.url_of(link)) for token, link in found]


def test_constant_links_lead_through_us_to_where_they_led() -> None:
    page = '<html><body><a class="b" href="https://example.com/a?x=1&amp;y=2#z">A</a> <A HREF="http://example.com/">B</A></body></html>'
    texts = [text for _, text in messages(page)]
    found = [links(text) for text in texts]
    assert [[url for _, url in each] for each in found] == [
        ["https://example.com/a?x=1&y=2#z", "http://example.com/"]
    ] * 2
    assert found[0][0][0] != found[1][0][0]
    assert all(key is not None for each in found for key, _ in each)


def test_a_picture_at_the_end_of_the_page() -> None:
    for text in (text for _, text in messages("<html><body><p>Hi</p></body></html>")):
        found = re.search(r'<img src="https://go\.example\.com/o/([a-z2-7]{48})\.gif"[^>]*></body>', text)
        assert found
        assert KEYRING.key_of(found[1], TokenUse.TRACKING) is not None


@pytest.mark.parametrize(
    "page",
    [
        '<p><a href="{{ name }}">x</a></p>',
        '<p><a href="https://example.com/{{ name }}">x</a></p>',
        '<p><a href="mailto:a@example.com">x</a></p>',
        '<head><link rel="icon" href="https://example.com/icon.png"></head>',
        '<p><img src="https://example.com/a.png"></p>',
        '<p>{% raw %}<a href="https://example.com/">x</a>{% endraw %}</p>',
        "<p>{{ '<a href=\"https://example.com/\">' }}</p>",
        "<p>https://example.com/</p>",
    ],
)
def test_what_is_left_alone(page: str) -> None:
    assert all(links(text) == [] for _, text in messages(page))


def test_the_text_part_is_left_alone() -> None:
    assert all("\r\nhttps://example.com/text\r\n" in text for _, text in messages("<p>x</p>"))


def test_links_of_what_is_included_and_extended() -> None:
    texts = messages(
        '{% extends "base.html.j2" %}{% block b %}{% include "part.html.j2" %}{% endblock %}',
        base='<html><body>{% block b %}{% endblock %}<a href="https://example.com/base">x</a></body></html>',
        part='<a href="https://example.com/part">x</a>',
    )
    for _, text in texts:
        assert [url for _, url in links(text)] == ["https://example.com/part", "https://example.com/base"]
        assert text.count("/o/") == 1


@pytest.mark.parametrize(("clicks", "opens"), [(True, False), (False, True), (False, False)])
def test_only_what_is_asked_for(clicks: bool, opens: bool) -> None:
    tracking = Tracking(url=URL, clicks=clicks, opens=opens)
    for _, text in messages('<body><a href="https://example.com/">x</a></body>', tracking=tracking):
        assert (bool(links(text)), "/o/" in text) == (clicks, opens)


def test_nothing_without_tracking() -> None:
    given = [template('<a href="https://example.com/">x</a>')]
    assert tracked(given, None, SECRET) == given


def test_a_return_path_that_names_its_message() -> None:
    senders = [sender for sender, _ in messages("<p>x</p>", return_path="bounces+{token}@example.com")]
    found = [re.fullmatch(r"bounces\+([a-z2-7]{48})@example\.com", each) for each in senders]
    keys = [KEYRING.key_of(each[1], TokenUse.RETURN_PATH) for each in found if each]
    assert len({*keys}) == 2
    assert None not in keys
