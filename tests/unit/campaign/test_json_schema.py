"""The schema for editors says what the loader says, as far as a schema can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.campaign.json_schema import campaign_json_schema
from engine.campaign.parse import parse_document

VALIDATOR = Draft202012Validator(campaign_json_schema())


def errors(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(parse_document(text, "campaign.yaml").value)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(campaign_json_schema())


def test_a_valid_campaign_satisfies_it(valid: str) -> None:
    assert errors(valid) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("key: id", "kye: id", "$.audience"),
        ("welcome_series", "welcome_serie", "$.type"),
        ("type: send_email\n    template: thanks", "type: send_emial", "$.workflow[1]"),
        ("name: spring", "name: 9spring", "$.name"),
        ("key: id", "key: id\n  holdout: {percent: 101}", "$.audience.holdout"),
        ("name: spring", "mail_class: marketing\nname: spring", "$"),
    ],
)
def test_a_fault_is_seen_by_editors_too(valid: str, old: str, new: str, where: str) -> None:
    assert set(errors(valid.replace(old, new))) == {where}


def test_steps_are_told_apart_by_their_type() -> None:
    items = campaign_json_schema()["properties"]["workflow"]["items"]
    assert items["discriminator"]["propertyName"] == "type"
    assert set(items["discriminator"]["mapping"]) == {
        *("send_email", "conditional_branch", "segment_user", "wait_condition", "update_user_data", "trigger_webhook"),
        "generic",
    }


def test_every_key_has_words_but_those_that_speak_for_themselves() -> None:
    undescribed = {name for name, schema in _described(campaign_json_schema()) if not schema.get("description")}
    plain = {"type", "value", "description", "audience", "delivery", "limits", "capacity", "from", "unsubscribe"}
    plain |= {"holdout", "when", "reply_to", "mailto", "retry"}
    assert {name.rpartition(".")[2] for name in undescribed} <= plain


def _described(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for owner, model in {**schema["$defs"], "Campaign": schema}.items():
        for name, field in model.get("properties", {}).items():
            yield f"{owner}.{name}", field
