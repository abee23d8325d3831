"""Rows for the corpus of mails: plausible customers, with gaps and awkward texts among them."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pyarrow as pa

NAMES = (
    "anna",
    "O'Brien",
    "Zoë",
    "jean-luc",
    "d'Arcy <3",
    "ŉeil",
    "İpek",
    "",
    "Müller & Söhne",
    "María José de la Concepción y Álvarez",
)
TEXTS = (
    "Hello", "a <b>bold</b> word", "two\nlines", "https://example.com/?a=1&b=2 is the link", "50 % off", "", "straße & öl", "“quoted” 😀",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt",
)  # fmt: skip
ARTICLES = ("tea pot", "A&B mug", "très chic scarf", "a very long article name that no column holds", "x1y size <M>")

SITE = {
    "name": "Müller & Söhne",
    "url": "https://shop.example.com",
    "address": "Example GmbH\n1 Example Street\n10115 Berlin",
    "theme": "dark",
    "countries": {"DE": "Deutschland", "FR": "France & DOM"},
}
CAMPAIGN = {
    "title": "News & more",
    "stories": [
        {
            "title": "Spring <sale>",
            "text": "Everything must go, and it goes quickly because it is cheap.",
            "link": "/spring",
        },
        {"title": "Gold only", "text": "For you.", "plan": "gold", "link": None},
        {"title": "Third", "text": "The end."},
    ],
}
CONSTANTS = {"site": SITE, "campaign": CAMPAIGN}

LINE = {
    "sku": pa.string(),
    "name": pa.string(),
    "qty": pa.int64(),
    "price": pa.float64(),
    "discount": pa.float64(),
    "options": pa.list_(pa.struct({"name": pa.string(), "value": pa.string()})),
}
NOTE = {
    "kind": pa.string(),
    "actor": pa.string(),
    "subject": pa.string(),
    "text": pa.string(),
    "at": pa.timestamp("us"),
    "count": pa.int64(),
    "messages": pa.list_(pa.struct({"kind": pa.string(), "sender": pa.string(), "text": pa.string()})),
}
EVENT = {
    "title": pa.string(),
    "day": pa.string(),
    "starts_at": pa.timestamp("us"),
    "ends_at": pa.timestamp("us"),
    "place": pa.string(),
    "online": pa.bool_(),
    "url": pa.string(),
    "speakers": pa.list_(pa.string()),
}
USER = {
    "first_name": pa.string(),
    "last_name": pa.string(),
    "email": pa.string(),
    "locale": pa.string(),
    "plan": pa.dictionary(pa.int32(), pa.string()),
    "country": pa.string(),
    "joined": pa.timestamp("us"),
    "trial_ends": pa.date32(),
}
ORDER = {
    "number": pa.string(),
    "placed_at": pa.timestamp("us"),
    "currency": pa.string(),
    "paid": pa.bool_(),
    "total": pa.float64(),
    "shipping": pa.struct({"name": pa.string(), "street": pa.string(), "city": pa.string(), "country": pa.string()}),
    "lines": pa.list_(pa.struct(LINE)),
    "coupons": pa.list_(pa.string()),
}
PROJECT = {
    "name": pa.string(),
    "url": pa.string(),
    "role": pa.string(),
    "owner": pa.string(),
    "members": pa.list_(pa.struct({"name": pa.string(), "role": pa.string()})),
}
INVOICE = {
    "number": pa.string(),
    "amount": pa.float64(),
    "tax_rate": pa.float64(),
    "status": pa.string(),
    "due": pa.date32(),
}
SCHEMA = pa.schema(
    {
        "user": pa.struct(USER),
        "order": pa.struct(ORDER),
        "notes": pa.list_(pa.struct(NOTE)),
        "events": pa.list_(pa.struct(EVENT)),
        "project": pa.struct(PROJECT),
        "invoice": pa.struct(INVOICE),
        "token": pa.string(),
    }
)

KNOWN: dict[str, tuple[Any, ...]] = {
    "first_name": NAMES,
    "last_name": NAMES,
    "name": (*NAMES, *ARTICLES),
    "sender": NAMES,
    "actor": NAMES,
    "owner": NAMES,
    "email": ("anna@example.com", "o'brien+news@example.org", "zoë@example.com"),
    "locale": ("en", "de_DE", "fr"),
    "plan": ("gold", "silver", "free"),
    "country": ("DE", "FR", "us"),
    "currency": ("EUR", "USD", "JPY"),
    "kind": ("text", "emote", "invite", "alert", "image"),
    "role": ("owner", "maintainer", "reader"),
    "status": ("open", "paid", "late", "<odd>"),
    "day": ("Monday", "Tuesday"),
    "qty": (0, 1, 2, 12),
    "count": (0, 1, 2, 1000),
    "tax_rate": (0.19, 0.07, 0.2),
    "discount": (0.0, 0.1, 0.125),
    "url": ("https://example.org/x?y=1&z=2",),
}
REQUIRED = frozenset(
    {
        "user",
        "order",
        "invoice",
        "project",
        "qty",
        "price",
        "amount",
        "tax_rate",
        "total",
        "currency",
        "lines",
        "at",
        "starts_at",
        "day",
    }
)


def _value(name: str, kind: pa.DataType, chance: random.Random) -> Any:
    if name not in REQUIRED and chance.random() < 0.12:
        return None
    if pa.types.is_struct(kind):
        return {field.name: _value(field.name, field.type, chance) for field in kind}
    if pa.types.is_list(kind):
        return [_item(name, kind.value_type, chance) for _ in range(chance.randrange(5))]
    if name in KNOWN:
        return chance.choice(KNOWN[name])
    if pa.types.is_floating(kind):
        return chance.choice((0.0, 2.675, 19.99, 100.0, 1234567.005, round(chance.random() * 1000, 3)))
    if pa.types.is_boolean(kind):
        return chance.random() < 0.5
    if pa.types.is_timestamp(kind):
        return dt.datetime(chance.randrange(2015, 2026), chance.randrange(1, 13), 28, chance.randrange(24), 5)
    if pa.types.is_date(kind):
        return dt.date(2025, chance.randrange(1, 13), 1)
    return chance.choice(TEXTS)


def _item(name: str, kind: pa.DataType, chance: random.Random) -> Any:
    """An entry of a list; where the entries are structs, none is null."""
    value = _value(name, kind, chance)
    return {} if value is None and pa.types.is_struct(kind) else value


def customers(rows: int, seed: int = 1) -> pa.RecordBatch:
    """``rows`` customers with orders, notes, events, a project and an invoice; the same seed gives the same rows."""
    chance = random.Random(seed)
    made = [{field.name: _value(field.name, field.type, chance) for field in SCHEMA} for _ in range(rows)]
    return pa.RecordBatch.from_pylist(made, schema=SCHEMA)
