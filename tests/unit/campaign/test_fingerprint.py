"""What counts as the same campaign."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field

from engine.campaign.fingerprint import Fingerprint, differences, fingerprint, manifest
from engine.campaign.load import load_campaign
from engine.campaign.schema import Audience, Campaign

TEMPLATES = {"thanks.html.j2": "aa", "series/hello.html.j2": "bb"}
Print = Callable[[str], Fingerprint]


@pytest.fixture
def printed(write: Callable[[str], Path]) -> Print:
    return lambda text: fingerprint(load_campaign(write(text)).campaign, TEMPLATES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: spring", "# a comment\nname:   'spring'"),
        ("name: spring\ntype: welcome_series", "type: welcome_series\nname: spring"),
        ("key: id", "key: id\n  email: email"),
        ("name: spring", "description: what it is for\nname: spring"),
        ("name: spring", "capacity: {delivery_workers: 3, partition_rows: 8192}\nname: spring"),
        ("name: spring", "limits: {messages_per_second: 3}\nname: spring"),
        ("transport:", "connections: 2\n  reply_timeout: 60\n  transport:"),
    ],
)
def test_what_changes_nobodys_message_changes_no_fingerprint(printed: Print, valid: str, old: str, new: str) -> None:
    assert printed(valid.replace(old, new)).digest == printed(valid).digest


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("age >= 18", "age >= 21", ["audience.where (changed)"]),
        ("  loyal: orders > 3", "  loyal: orders > 4\n  new: age < 20", ["segments.loyal (changed)", "segments.new (added)"]),
        ("template: thanks", "template: other", ["workflow.thanks (changed)"]),
        ("name: The Shop", "name: Shop", ["delivery.from (changed)"]),
        ("Europe/Berlin", "Europe/Paris", ["timezone (changed)"]),
        ("name: spring", "variables: {a: 2026-01-01}\nname: spring", ["variables.a (added)"]),
        ("name: spring", "limits: {recipients: 3}\nname: spring", ["limits.recipients (added)"]),
        (
            "id: hello", "id: hallo",
            ["workflow (changed)", "workflow.hallo (added)", "workflow.hello (removed)", "workflow.split (changed)"],
        ),
    ],
)  # fmt: skip
def test_a_change_is_named(printed: Print, valid: str, old: str, new: str, parts: list[str]) -> None:
    text = valid.replace(old, new)
    if new == "id: hallo":
        text = text.replace("else: hello", "else: hallo")
    before, after = printed(valid), printed(text)
    assert before.digest != after.digest
    assert [str(each) for each in differences(before.parts, after.parts)] == parts


class LaterAudience(Audience):
    order: str = "by key"


class LaterCampaign(Campaign):
    audience: LaterAudience
    languages: list[str] = Field(default=[])
    steps: dict[str, int] = Field(default_factory=dict)


def test_a_key_that_is_new_in_the_schema_changes_nothing_at_its_default(
    write: Callable[[str], Path], valid: str
) -> None:
    campaign = load_campaign(write(valid)).campaign
    values = campaign.model_dump(by_alias=True)
    later = LaterCampaign.model_validate(values)
    assert fingerprint(later, TEMPLATES).parts == fingerprint(campaign, TEMPLATES).parts
    other = LaterCampaign.model_validate(
        {**values, "languages": ["de"], "audience": {**values["audience"], "order": "no"}}
    )
    changes = differences(fingerprint(campaign, TEMPLATES).parts, fingerprint(other, TEMPLATES).parts)
    assert [str(each) for each in changes] == ["audience.order (added)", "languages (added)"]


def test_where_the_password_is_kept_does_not_count(printed: Print, valid: str) -> None:
    database = "source: postgresql://me@db.example.com/shop\n  query: SELECT 1"
    text = valid.replace("source: people.parquet", database)
    assert printed(text).digest == printed(text.replace("  key: id", "  password: env:PASSWORD\n  key: id")).digest
    other = printed(text.replace("SELECT 1", "SELECT 2"))
    assert [str(each) for each in differences(printed(text).parts, other.parts)] == ["audience.query (changed)"]


def test_a_template_is_a_part(write: Callable[[str], Path], valid: str) -> None:
    campaign = load_campaign(write(valid)).campaign
    before, after = fingerprint(campaign, TEMPLATES), fingerprint(campaign, {**TEMPLATES, "thanks.html.j2": "cc"})
    assert [str(each) for each in differences(before.parts, after.parts)] == ["templates/thanks.html.j2 (changed)"]


def test_a_date_is_not_its_text(printed: Print, valid: str) -> None:
    date, text = (printed(valid + f"variables: {{a: {each}}}\n") for each in ("2026-01-01", "'2026-01-01'"))
    assert date.digest != text.digest


def test_a_manifest_depends_on_all_three() -> None:
    whole = manifest("campaign", "audience", {"from": "example.com"})
    assert whole == manifest("campaign", "audience", {"from": "example.com"})
    others = {
        manifest("other", "audience", {"from": "example.com"}),
        manifest("campaign", "other", {"from": "example.com"}),
        manifest("campaign", "audience", {"from": "example.org"}),
    }
    assert len(others | {whole}) == 4
