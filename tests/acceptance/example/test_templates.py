"""The example's templates as real Jinja2 renders them: complete, safe and of a realistic size for every kind of customer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from ruamel.yaml import YAML

UNSUBSCRIBE = "https://shop.example.com/u/token"
VOID = frozenset({"br", "meta", "img", "hr", "link"})
Render = Callable[[str, dict[str, Any]], str]


class Page(HTMLParser):
    """Collects text and links, and fails on a tag that is not closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.parents: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert "src" not in values, "nothing is loaded from elsewhere"
        if "href" in values:
            self.links.append(values["href"] or "")
        self.parents.append((self.open[-1] if self.open else "", tag))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def render(example: Path) -> Render:
    variables = YAML(typ="safe").load((example / "campaign.yaml").read_text(encoding="utf-8"))["variables"]
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(example / "templates"),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
    )

    def render(template: str, row: dict[str, Any]) -> str:
        given = {**variables, **row, "unsubscribe_url": UNSUBSCRIBE}
        return environment.get_template(template).render(given)

    return render


@pytest.fixture(scope="module")
def customers(example: Path) -> list[dict[str, Any]]:
    """One customer for each mix of what the templates look at, with the tier that the workflow gives."""
    chosen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in pq.read_table(example / "audience.parquet").to_pylist():
        row["tier"] = "gold" if row["history"] >= 500 else "silver" if row["history"] >= 200 else "bronze"
        member = row["loyalty_points"] is not None
        mix = (row["mens"], row["womens"], row["tier"], row["newbie"], row["channel"], row["zip_code"], member)
        chosen.setdefault((*mix, row["recency"] // 3, row["first_name"] is None, len(row["last_orders"])), row)
    return list(chosen.values())


def template_of(row: dict[str, Any]) -> str:
    return "menswear" if row["mens"] else "womenswear"


def test_every_message_is_whole(render: Render, customers: list[dict[str, Any]]) -> None:
    assert len(customers) > 1_000
    for row in customers:
        html = render(f"{template_of(row)}.html.j2", row)
        page = Page(html)
        assert 8_000 < len(html.encode()) < 16_500
        assert page.links.count(UNSUBSCRIBE) == 1
        assert all(link.startswith("https://shop.example.com/") for link in page.links)
        assert "12 Harbor Street, Portland, ME 04101" in page.text
        assert f"Hello {row['first_name']}," in page.text or row["first_name"] is None
        assert "None" not in page.text
        assert all(f"{order['quantity']} × ${order['price']:.2f}" in page.text for order in row["last_orders"])


def test_rows_stand_in_table_bodies(render: Render, customers: list[dict[str, Any]]) -> None:
    """An HTML5 parser, and so a CSS inliner, moves a row that stands anywhere else."""
    for row in customers[:50]:
        parents = Page(render(f"{template_of(row)}.html.j2", row)).parents
        assert {parent for parent, tag in parents if tag == "tr"} == {"tbody"}
        assert {parent for parent, tag in parents if tag == "td"} == {"tr"}


def test_names_cannot_bring_markup_in(render: Render, customers: list[dict[str, Any]]) -> None:
    row = {**customers[0], "first_name": "<b>O'Brien & Co</b>"}
    html = render("menswear.html.j2", row)
    assert "<b>O'Brien" not in html
    assert "Hello <b>O'Brien & Co</b>," in Page(html).text


def test_subjects_are_one_short_line(render: Render, customers: list[dict[str, Any]]) -> None:
    for row, template in itertools.product(customers, ("menswear", "womenswear")):
        subject = render(f"{template}.subject.j2", row)
        assert subject == subject.strip()
        assert len(subject.splitlines()) == 1
        assert len(subject) < 90
        assert row["first_name"] is None or row["first_name"] in subject


def test_the_text_part_says_the_same(render: Render, customers: list[dict[str, Any]]) -> None:
    for row in customers:
        text = render("menswear.txt.j2", row)
        assert UNSUBSCRIBE in text
        assert "12 Harbor Street, Portland, ME 04101" in text
        assert all(order["name"] in text for order in row["last_orders"])
        assert "\n\n\n" not in text


def test_womenswear_leaves_its_text_part_to_the_html(example: Path) -> None:
    assert not (example / "templates" / "womenswear.txt.j2").exists()
    assert (example / "templates" / "menswear.txt.j2").exists()
