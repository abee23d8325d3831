"""What a careful programmer would write by hand for this one message: constants folded in, filters remembered, pieces joined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pyarrow as pa
from jinja2 import Environment
from jinja2.filters import do_title, do_truncate
from markupsafe import escape

from benchmarks.measure import ROWS_ALONE, Subject
from benchmarks.template import CONSTANTS, HTML

_TAG = re.compile(r"\{[{%].*?[%}]\}")


def _folded(source: str) -> str:
    """The template with the campaign's constants in their places and the segment's test taken out."""
    for group, values in CONSTANTS.items():
        for name, value in values.items():
            source = source.replace(f"{{{{ {group}.{name} }}}}", str(escape(value)))
    return source.replace("{% if segment.kind == 'loyalty' %}", "")


STATICS = _TAG.split(_folded(HTML.removesuffix("\n")))


@cache
def escaped(text: Any) -> str:
    return str(escape(text))


@cache
def titled(text: str) -> str:
    return do_title(text)


@cache
def shouted(text: str) -> str:
    return escaped(text.upper())


@cache
def shortened(text: str) -> str:
    return escaped(do_truncate(Environment(), text, 40))


def benefits(user: dict[str, Any]) -> Iterator[str]:
    s, points = STATICS, user["points"]
    if user["tier"] == "gold" and points >= 1000:
        yield from (s[11], str(points), s[12], "%.2f" % (points * 0.01), s[13], str(user["id"]), s[14])
    elif user["tier"] == "silver" or points > 500:
        yield from (s[15], str(1000 - points if points < 1000 else 0), s[16])
    else:
        yield s[17]
        if user["balance"] > 0:
            yield from (s[18], str(round(user["balance"], 2)), s[19])
        yield s[20]


def lines(cart: list[dict[str, Any]]) -> Iterator[str]:
    s = STATICS
    for index, item in enumerate(cart):
        sku = escaped(item["sku"])
        yield from (
            s[24],
            s[25] if index % 2 else "",
            s[26],
            sku,
            s[27],
            str(index + 1),
            s[28],
            sku,
            s[29],
            shortened(item["name"]),
            s[30],
        )
        yield from (str(item["qty"]), s[31], "%.2f" % (item["price"] * item["qty"]), s[32])
        yield from (s[33] if item["price"] > 100 else "", s[34])


def html(user: dict[str, Any], cart: list[dict[str, Any]]) -> str:
    s, token = STATICS, escaped(user["token"])
    first_name = escaped(titled(user["first_name"]))
    pieces = [s[0], first_name, s[1], first_name, s[2]]
    if user["last_name"]:
        pieces += (s[3], escaped(user["last_name"]))
    pieces += (s[5], str(len(cart)), s[6], s[7] if len(cart) != 1 else "", s[8])
    pieces += (user["signup"].strftime("%B %d, %Y"), s[9], shouted(user["city"]), s[10])
    pieces += benefits(user)
    pieces += (s[21], s[23])
    pieces += lines(cart)
    pieces += (s[35], str(user["id"]), s[36], token, s[37], s[38] if user["points"] > 2000 else s[39], s[40])
    pieces += (escaped(user["email"]), s[41], token, s[42], token, s[43], token, s[44])
    return "".join(pieces)


def text(user: dict[str, Any], cart: list[dict[str, Any]]) -> str:
    brand = CONSTANTS["brand"]
    pieces = [
        f"Hello {titled(user['first_name'])},\n\nyou left {len(cart)} items in your basket at {brand['name']}:\n\n"
    ]
    pieces += [f"- {item['qty']} x {item['name']} (${item['price'] * item['qty']:.2f})\n" for item in cart]
    points = f"You have {user['points']} points.\n\n" if user["points"] >= 1000 else ""
    pieces.append(f"\n{points}Finish your order: {brand['url']}/basket?u={user['id']}&t={user['token']}\n\n")
    pieces.append(f"Unsubscribe: {brand['url']}/unsubscribe?t={user['token']}\n{brand['address']}")
    return "".join(pieces)


def headline(user: dict[str, Any], cart: list[dict[str, Any]]) -> str:
    plural = "s" if len(cart) != 1 else ""
    return f"{titled(user['first_name'])}, {len(cart)} item{plural} left in your basket"


def subject(batch: pa.RecordBatch) -> Subject:
    rows = batch.slice(0, ROWS_ALONE).to_pylist()

    def first(count: int) -> list[tuple[str, ...]]:
        return [(headline(**row), text(**row), html(**row)) for row in rows[:count]]

    return Subject("written by hand, folded, row by row", len(rows), lambda: first(len(rows)), first)
