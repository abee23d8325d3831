"""Templates in templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
import pyarrow as pa
import pytest

TEMPLATES = {
    "base.html": "<title>{% block title %}Base{% endblock %}</title>{{ self.title() }}{% block body %}{% endblock %}"
    "{% block foot scoped %}f{{ x }}{% endblock %}",
    "middle.html": "{% extends 'base.html' %}{% block title %}Middle {{ super() }}{% endblock %}"
    "{% block body %}<{{ inner }}>{% endblock %}",
    "part.html": "[{{ s }}{{ local }}{% set s = 'changed' %}{{ s }}]",
    "macros.html": "{% macro button(text, url='#') %}<a href='{{ url }}'>{{ text }}</a>{% endmacro %}"
    "{% set colour = 'red' %}{% macro row(x) %}{{ button(x) }}{{ s }}{% endmacro %}",
    "list.txt": "{% for x in l %}{{ x }},{% endfor %}",
    "broken.html": "{% if %}",
}
SOURCES = [
    "{% extends 'base.html' %}{% block title %}{{ s }} - {{ super() }}{% endblock %}",
    "{% extends 'middle.html' %}{% set inner = s %}{% block title %}{{ super()|upper }}{% endblock %}",
    "before{% extends 'base.html' %}after{{ s }}{% block body %}{% for x in l %}{{ x }}{% endfor %}{% endblock %}",
    "{% include 'part.html' %}{{ s }}",
    "{% for local in l %}{% include 'part.html' %}{% endfor %}",
    "{% include 'part.html' without context %}",
    "{% include ['nowhere', 'list.txt'] %}{% include 'nowhere' ignore missing %}",
    "{% import 'macros.html' as m %}{{ m.button(s) }}{{ m.colour }}{{ m.row('x') }}",
    "{% from 'macros.html' import button as b, row with context %}{{ b(s, url=s) }}{{ row(1) }}",
    "{% from 'macros.html' import nothing %}{{ nothing }}",
    "{% for x in l %}{% block a scoped %}{{ x }}{% endblock %}{% block b %}{{ x }}{% endblock %}{% endfor %}",
    "{% if s == 'a' %}{% include 'broken.html' %}{% else %}fine{% endif %}",
    "{% set name = 'list.txt' %}{% include name %}",
    "{% block a required %}{% endblock %}",
]
BATCH = pa.RecordBatch.from_pylist([{"s": "a", "l": ["x", "<"]}, {"s": "<b>", "l": []}, {"s": "c", "l": ["z"]}])


def environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.DictLoader(TEMPLATES), autoescape=jinja2.select_autoescape(default_for_string=True, default=True)
    )


@pytest.mark.parametrize("source", SOURCES)
def test_resolved_while_compiling(source: str, same: Callable[..., Any]) -> None:
    assert same(source, BATCH, environment()).fallbacks == ()


def test_a_template_that_depends_on_the_row_is_left_to_jinja(same: Callable[..., Any]) -> None:
    program = same("{% include s ~ '.html' ignore missing %}{{ s }}", BATCH, environment())
    assert len(program.fallbacks) == 1
