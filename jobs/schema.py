"""``mailray schema``: the JSON Schema of campaign.yaml, for editors."""

from __future__ import annotations

import json as codec

from jobs.console import out, print_json
from jobs.options import Json


def command(json: Json = False) -> None:
    """Print the JSON Schema of campaign.yaml; name it in the file's first line and editors complete and check."""
    from engine.campaign.json_schema import campaign_json_schema

    if json:
        print_json(campaign_json_schema())
    else:
        out.print_json(codec.dumps(campaign_json_schema()))
