"""The JSON Schema of campaign.yaml, for editors (``# yaml-language-server: $schema=...``)."""

from __future__ import annotations

from typing import Any

from engine.campaign.schema import Campaign

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def campaign_json_schema() -> dict[str, Any]:
    """The schema of the file, with the keys as they are written and what each is for."""
    schema = Campaign.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, **schema, "title": "Mailray campaign"}
