"""Secrets by reference: what travels and is logged is ``env:NAME`` or ``file:PATH``, never the value."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import CampaignError


def resolve_secret(reference: str | None, folder: Path) -> bytes:
    """What ``env:NAME`` or ``file:PATH`` stands for. Raises CampaignError that names the reference and never the value."""
    if reference is None:
        raise CampaignError.single(
            "MR160",
            "the campaign names no secret",
            help="tokens and Message-IDs are signed: `delivery.secret: env:NAME` or `file:PATH`",
        )
    kind, _, name = reference.partition(":")
    try:
        value = os.environ[name].encode() if kind == "env" else (folder / name).read_bytes()
    except (KeyError, OSError):
        raise CampaignError.single(
            "MR161", f"the secret `{reference}` is not there", help="set the variable, or make the file"
        ) from None
    if not value.strip():
        raise CampaignError.single("MR161", f"the secret `{reference}` is empty")
    return value.strip()
