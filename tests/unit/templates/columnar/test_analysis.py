"""Free variables and where they first stand."""

from __future__ import annotations

import jinja2

from engine.templates import analyse


def test_free_variables_with_their_places() -> None:
    source = (
        "Hello\n  {{ user.name }}{% set a = b %}{{ a|upper }}\n{% for i in items %}{{ i.x }}{{ range(2) }}{% endfor %}"
    )
    found = analyse(source, "t.html", jinja2.Environment())
    assert [(each.name, each.place.line, each.place.column) for each in found.variables] == [
        ("user", 2, 6),
        ("b", 2, 29),
        ("items", 3, 13),
    ]
    assert found.variables[0].place.excerpt == "  {{ user.name }}{% set a = b %}{{ a|upper }}"


def test_templates_that_are_referred_to_count_too() -> None:
    loader = jinja2.DictLoader({"base": "{{ brand }}{% include 'foot' %}", "foot": "{{ address }}"})
    found = analyse(
        "{% extends 'base' %}{% include 'lost' ignore missing %}{% include which %}",
        "t",
        jinja2.Environment(loader=loader),
    )
    assert found.names == {"brand", "address", "which"}
    assert {each.name: each.place.file for each in found.variables} == {
        "which": "t",
        "brand": "base",
        "address": "foot",
    }
    assert found.unresolved == ("lost",)
    assert found.dynamic
