"""Statements and expressions, compared with Jinja2 on the same rows."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import jinja2
import pyarrow as pa
import pytest

ROWS = [
    {
        "s": "anna",
        "n": 3,
        "f": 2.5,
        "b": True,
        "d": datetime.datetime(2024, 2, 29, 1, 2, 3),
        "u": {"n": "Zed & co", "k": 3},
    },
    {"s": None, "n": None, "f": None, "b": None, "d": None, "u": None},
    {
        "s": "<O'Brien>",
        "n": 0,
        "f": -0.0,
        "b": False,
        "d": datetime.datetime(1999, 12, 31),
        "u": {"n": None, "k": None},
    },
    {"s": "straße İ", "n": 12345678, "f": 1e22, "b": True, "d": datetime.datetime(2024, 1, 1), "u": {"n": "", "k": 0}},
]
LISTS = [
    [{"a": "p<1>", "q": 2.5}, {"a": None, "q": 1.0}],
    None,
    [],
    [{"a": "x", "q": 1.0}, {"a": "y", "q": 9.0}, {"a": "x", "q": 3.0}],
]
BATCH = pa.RecordBatch.from_pylist([{**row, "l": items} for row, items in zip(ROWS, LISTS, strict=True)])
VECTORISED = [
    "{{ s }}{{ n }}{{ f }}{{ b }}{{ d }}{{ u.n }}",
    "{% if n %}{{ s }}{% elif b is none %}none{% else %}<i>{{ f }}</i>{% endif %}",
    "{% for x in l or [] %}{{ loop.index }}/{{ loop.length }}:{{ x.a }}{% if not loop.last %}, {% endif %}{% else %}empty{% endfor %}",
    "{% for x in l if x.q > 1 %}{{ loop.revindex }}{{ x.a }}{{ loop.cycle('odd', 'even') }}{% else %}none{% endfor %}",
    "{% for x in l or [] %}{% for y in l %}{{ x.q * y.q }} {% endfor %};{% endfor %}",
    "{% for x in l or [] %}{{ loop.previtem.q if not loop.first }}<{{ loop.nextitem.q if not loop.last }}{% endfor %}",
    "{% for key, value in u.items() if u %}{{ key }}={{ value }} {% endfor %}",
    "{% set ns = namespace(total=0) %}{% for x in l or [] %}{% set ns.total = ns.total + x.q %}{% endfor %}{{ ns.total }}",
    "{% if b %}{% set z = s %}{% elif n == 0 %}{% set z = n %}{% endif %}{{ z }}",
    "{% set t %}<b>{{ s }}</b>{% endset %}{{ t }}{{ t|length }}",
    "{% set t | upper %}a{{ s }}{% endset %}{{ t }}",
    "{% filter upper %}x{{ s }}{% endfilter %}",
    "{% with a = s, c = n %}{{ a }}{{ c }}{% endwith %}{{ a }}",
    "{% macro m(a, b='<d>') %}[{{ a }}|{{ b }}{{ caller() if caller }}]{% endmacro %}{{ m(s) }}{{ m(n, b=s)|upper }}"
    "{% call m(1) %}{{ s }}{% endcall %}",
    "{% macro m() %}{{ varargs|join('-') }}{{ kwargs.k }}{% endmacro %}{{ m(1, 2, k='v') }}",
    "{% for x in s or '' %}{{ x }}-{% endfor %}{% for i in range(3) %}{{ i }}{% endfor %}",
    "{% for a, c in [(1, s), (2, n)] %}{{ a }}{{ c }}{% endfor %}",
    "{{ s|default('x', true)|title }}{{ nope|default('y') }}{{ u.zzz|default('z') }}",
    "{{ s|upper }}{{ s|lower }}{{ s|length if s else 0 }}{{ s|truncate(6) if s }}{{ s|replace('a', '&') }}",
    "{{ (l or [])|map(attribute='a')|join(', ') }}{{ (l or [])|sum(attribute='q') }}{{ (l or [])|selectattr('q', 'gt', 1)|list|length }}",
    "{% for g in l|default([], true)|groupby('q') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}",
    "{{ l[0].a if l }}{{ l[-1].q if l }}{{ l[1:]|length if l }}{{ l|first if l }}{{ (l|last).a if l }}",
    "{{ 'A' if b else 'B' }}{{ s or 'nobody' }}{{ b and n }}{{ not n }}{{ 1 < n < 5 if n is not none }}",
    "{{ n + 1 if n is not none }}{{ n % 3 if n }}{{ f * 2 if f }}{{ n / 4 if n }}{{ -n if n }}{{ n ** 2 if n }}",
    "{{ n == 3 }}{{ n != none }}{{ s == u.n }}{{ f == n }}{{ s in ['anna', 'x'] }}{{ 'a' in s if s }}",
    "{{ s is none }}{{ (n is odd) if n else '' }}{{ u is mapping }}{{ l is iterable }}{{ s is string }}{{ nope is defined }}",
    "{{ d.strftime('%d %b %Y') if d }}{{ d.year if d }}{{ s.upper() if s }}{{ s.split('n')|join('|') if s }}",
    "{{ s|e }}{{ s|safe }}{{ (s ~ '<')|upper }}{{ '<b>'|safe ~ s }}{{ s|string|safe|lower }}",
    "{{ u }}{{ [s, n] }}{{ {'k': s} }}{{ (n, f) }}{{ s|tojson }}",
    "{% autoescape true %}{{ s }}{% endautoescape %}{% autoescape false %}{{ s }}{% endautoescape %}",
    "{%- raw %}{{ s }}{% endraw -%}  {{- s -}}  x",
    "{% for x in l or [] %}{{ s }}{% set s = x.a %}{{ s }}{% endfor %}{{ s }}",
    "{% for x in [1] %}{{ n }}{% endfor %}{% set n = 'a' %}{{ n }}",
    "{% for x in l or [] %}{% if loop.changed(x.q) %}{{ x.q }}{% endif %}{% endfor %}",
    "{% set comma = joiner(' & ') %}{% for x in l or [] %}{{ comma() }}{{ x.q }}{% endfor %}",
    "{% set row = cycler('odd', 'even') %}{% for x in l or [] %}{{ row.next() }}{% endfor %}",
    "{% block a %}{{ s }}{% endblock %}{{ self.a() }}",
]
BY_JINJA = [
    ("{% for x in l or [] recursive %}{{ x.a }}{% endfor %}{{ s }}", "for"),
    ("{{ s }}{{ l.append(1) if l }}", "append()"),
]
RAISING = [
    "{{ n + 1 }}",
    "{{ nope.x }}",
    "{% for x in l %}{{ x.a }}{% endfor %}",
    "{{ 1 // n }}",
    "{{ f > 1 }}",
    "{% set x = n * n %}unused",
    "{% macro m(a) %}never printed{% endmacro %}{{ m(n + 1) }}",
    "{% if b and n > 2 %}x{% endif %}",
    "{{ s|default(n + 1) }}",
    "{% with x = n + 1 %}{% endwith %}",
    "{{ n|nofilter if b else 'fine' }}",
    "{% include 'nowhere' %}",
]


@pytest.mark.parametrize(
    "undefined", [jinja2.Undefined, jinja2.StrictUndefined, jinja2.ChainableUndefined, jinja2.DebugUndefined]
)
@pytest.mark.parametrize("autoescape", [True, False])
@pytest.mark.parametrize("source", VECTORISED)
def test_lowered(source: str, autoescape: bool, undefined: type[jinja2.Undefined], same: Callable[..., Any]) -> None:
    program = same(source, BATCH, jinja2.Environment(autoescape=autoescape, undefined=undefined))
    assert program.fallbacks == ()


@pytest.mark.parametrize(("source", "what"), BY_JINJA)
def test_left_to_jinja(source: str, what: str, same: Callable[..., Any]) -> None:
    program = same(source, BATCH)
    assert [each.what for each in program.fallbacks] == [what]
    assert what in program.explain()


@pytest.mark.parametrize("source", RAISING)
def test_rows_that_raise(source: str, same: Callable[..., Any]) -> None:
    same(source, BATCH, jinja2.Environment(loader=jinja2.DictLoader({})))


@pytest.mark.parametrize("source", VECTORISED + RAISING)
def test_any_slice_of_a_batch(source: str, same: Callable[..., Any]) -> None:
    environment = jinja2.Environment(autoescape=True, loader=jinja2.DictLoader({}))
    for start in range(len(ROWS)):
        same(source, BATCH.slice(start, 2), environment)
    same(source, BATCH.slice(0, 0), environment)


def test_folded_with_constants_and_without(same: Callable[..., Any]) -> None:
    constants = {"shop": {"name": "Ex & Co", "links": [{"t": "a", "u": "/a"}, {"t": "b", "u": "/b"}]}, "kind": "vip"}
    source = (
        "{% if kind == 'vip' %}{{ shop.name }}{% else %}{{ nope.x }}{% endif %}"
        "{% for k in shop.links %}{{ loop.index }}{{ k.u }}{{ s }}{% endfor %}"
    )
    columns = BATCH.to_pylist()
    whole = pa.RecordBatch.from_pylist([{**row, **constants} for row in columns])
    environment = jinja2.Environment(autoescape=True)
    same(source, BATCH, environment, constants)
    same(source, whole, environment)


def test_translations(same: Callable[..., Any]) -> None:
    source = (
        "{% trans %}Hello{% endtrans %} {% trans who=s %}Dear {{ who }}{% endtrans %}{% trans k=n %}one"
        "{% pluralize %}{{ k }} many{% endtrans %}{{ _('x') }}"
    )
    for newstyle in (True, False):
        environment = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
        environment.install_gettext_callables(
            lambda text: text.upper(), lambda one, many, k: one if k == 1 else many, newstyle=newstyle
        )  # type: ignore[attr-defined]
        assert same(source, BATCH.slice(0, 1), environment).fallbacks == ()


def test_finalize(same: Callable[..., Any]) -> None:
    environment = jinja2.Environment(autoescape=True, finalize=lambda value: "-" if value is None else value)
    same("{{ s }}{{ n }}{{ none }}{{ u.n ~ s }}{{ 'x' if b }}", BATCH, environment)


def test_a_column_hides_a_global(same: Callable[..., Any]) -> None:
    batch = pa.RecordBatch.from_pydict({"range": ["a", "b"]})
    environment = jinja2.Environment()
    program = same("{{ range }}", batch, environment)
    same("{% for i in range(2) %}{{ i }}{% endfor %}", pa.RecordBatch.from_pydict({"x": [1]}), environment)
    assert program.render(batch).text.to_pylist() == ["a", "b"]
