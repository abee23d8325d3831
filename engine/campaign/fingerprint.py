"""What makes a campaign the same campaign: digests of its parts, and of all of them together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.campaign.schema import Campaign

# How fast and by how many hands: these change nothing in who gets what, and may differ when a run is resumed.
_PACE: Mapping[str, tuple[str, ...]] = {
    "": ("description", "capacity"),
    "audience": ("password",),
    "delivery": ("connections", "reply_timeout", "credentials"),
    "limits": ("messages_per_second", "sender_per_second", "destinations"),
}
# Sections whose keys are parts of their own.
_SECTIONS = ("audience", "segments", "variables", "delivery", "limits")


@dataclass(frozen=True)
class Fingerprint:
    """Digests (SHA-256, hexadecimal) of a campaign's parts by name: ``audience.where``, ``workflow.offer``..."""

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        return sha256_of(dict(self.parts))


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that was added, removed or changed."""

    part: str
    kind: str

    def __str__(self) -> str:
        return f"{self.part} ({self.kind})"


def fingerprint(campaign: Campaign, templates: Mapping[str, str]) -> Fingerprint:
    """The fingerprint of a campaign with the digests of its templates, by template file.

    The order of keys, comments and the way a value is written do not count; the order of steps and choices does. What stands at its
    default is left out, so that a key which a later version of the schema adds does not make every campaign another one.
    """
    values = campaign.model_dump(mode="python", by_alias=True, exclude_defaults=True)
    parts = {name: sha256_of(value) for name, value in _parts(values)}
    parts |= {f"templates/{name}": digest for name, digest in templates.items()}
    return Fingerprint(parts)


def manifest(campaign_fingerprint: str, audience_digest: str, identity: Mapping[str, str]) -> str:
    """The digest that a run is bound to: campaign, frozen audience, and who sends (tenant, From domain, key ids)."""
    return sha256_of({"campaign": campaign_fingerprint, "audience": audience_digest, "identity": dict(identity)})


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    """What differs between the parts of two fingerprints, by name of part."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            found.append(Difference(name, "added"))
        elif name not in after:
            found.append(Difference(name, "removed"))
        elif before[name] != after[name]:
            found.append(Difference(name, "changed"))
    return tuple(found)


def sha256_of(value: object) -> str:
    """The digest of plain values in canonical JSON (RFC 8785 in spirit: sorted keys, no white space, UTF-8)."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_tagged
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _parts(values: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if name in _PACE[""]:
            continue
        if name == "workflow":
            yield "workflow", [step["id"] for step in value]
            yield from ((f"workflow.{step['id']}", step) for step in value)
        elif name in _SECTIONS:
            left_out = _PACE.get(name, ())
            yield from ((f"{name}.{key}", item) for key, item in value.items() if key not in left_out)
        else:
            yield name, value


def _tagged(value: object) -> object:
    """A date says that it is one: a template may tell it from its text."""
    if isinstance(value, date):
        return {type(value).__name__: value.isoformat()}
    raise TypeError(f"no canonical form for {type(value).__name__}")
