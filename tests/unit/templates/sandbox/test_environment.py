import datetime
import inspect
import pickle
from concurrent.futures import ThreadPoolExecutor

import jinja2
import pytest
from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.templates.sandbox import TemplateLimitError, campaign_environment

ROW = {
    "name": "Zoë <b>",
    "tier": "gold",
    "nothing": None,
    "price": 12.345,
    "count": 3,
    "day": datetime.datetime(2026, 3, 1, 9, 30),
    "cart": [{"title": "A & B", "n": 2, "tags": ["x", "y"]}, {"title": "c", "n": 1, "tags": []}],
    "tree": [{"t": 1, "c": [{"t": 2, "c": [{"t": 3, "c": []}]}]}],
    "profile": {"city": "Łódź", "items": 4},
}
FILES = {
    "base": "<{% block title %}base{% endblock %}>{{ self.title() }}{% block body %}{% endblock %}",
    "child": "{% extends 'base' %}{% block title %}{{ super() }} {{ name }}{% endblock %}{% block body %}{{ tier }}{% endblock %}",
    "macros": "{% macro cell(x, y=1) %}[{{ x }}|{{ y }}|{{ varargs }}|{{ caller() if caller is defined }}]{% endmacro %}{% set z = 5 %}",
    "part": "{{ name }}{% for i in cart %}{{ loop.index }}{% endfor %}",
}
SAME_AS_JINJA = [
    "{{ name }} {{ name|upper }} {{ name ~ '&' ~ count }} {{ 'a' 'b' }} {{ nothing }}",
    "{% for i in cart %}{{ loop.index }}/{{ loop.length }}/{{ loop.last }}{{ i.title }}{% else %}none{% endfor %}",
    "{% for i in cart if i.n > 1 %}{{ loop.length }}{{ i.title }}{% endfor %}{% for i in [] %}x{% else %}none{% endfor %}",
    "{% for i in tree recursive %}{{ i.t }}{{ loop.depth }}({{ loop(i.c) if i.c }}){% endfor %}",
    "{% for a, b in profile.items() %}{{ a }}={{ b }}{{ loop.cycle('x', 'y') }}{{ loop.changed(b) }}{% endfor %}",
    "{% for g in cart|groupby('n') %}{{ g.grouper }}{{ g.list|map(attribute='title')|join(', ') }}{% endfor %}",
    "{% for row in range(5)|batch(2, 0) %}{{ row }}{% endfor %}{% for row in range(5)|slice(2) %}{{ row }}{% endfor %}",
    "{{ cart|map(attribute='title')|map('upper')|select('ne', 'C')|list }} {{ cart|sum(attribute='n') }} {{ [[1], [2]]|sum(start=[]) }}",
    "{{ cart|sort(attribute='n')|map(attribute='title')|join('|') }} {{ cart|selectattr('n', 'gt', 1)|list|length }}",
    "{% set ns = namespace(t=0) %}{% for i in cart %}{% set ns.t = ns.t + i.n * 2 %}{% endfor %}{{ ns.t }}",
    "{% set x %}<i>{{ name }}</i>{% endset %}{{ x }}{% set y | upper %}abc{{ name }}{% endset %}{{ y }}",
    "{% filter upper|replace('Z', 'q') %}zz{{ name }}{% endfilter %}{% with a=1, b=name %}{{ a }}{{ b }}{% endwith %}",
    "{% extends 'child' %}{% block body %}{{ super() }}!{% endblock %}",
    "{% include 'part' %}{% include ['no', 'part'] %}{% include 'no' ignore missing %}",
    "{% import 'macros' as m %}{{ m.cell(name, 2, 3) }}{% from 'macros' import cell as c, z %}{{ c('<') }}{{ z }}",
    "{% from 'macros' import cell with context %}{% call cell(1) %}{{ name }}{% endcall %}",
    "{% macro f(n) %}{{ n }}{{ f(n - 1) if n }}{% endmacro %}{{ f(5) }}",
    "{{ 'yes' if tier == 'gold' and 1 < count <= 3 else 'no' }} {{ tier in ['gold', 'silver'] }} {{ count is odd }} {{ name is defined }}",
    "{{ missing is defined }} {{ missing|default('there') }} {{ nothing is none }} {{ count is eq 3 }} {{ 3 is in [3] }}",
    "{{ '%.2f'|format(price) }} {{ '%s-%05d' % (name, count) }} {{ '{:>8.2f}|{}'.format(price, name) }} {{ '{n!r}'.format_map({'n': 1}) }}",
    "{{ ('<b>{}</b>'|safe).format(name) }} {{ ('<b>%s</b>'|safe) % name }} {{ '<b>'|safe ~ name }}",
    "{{ name|center(20) }}|{{ name.center(20) }}|{{ name|indent(2, first=True) }}|{{ name|truncate(4) }}|{{ name|wordwrap(3) }}",
    "{{ name[1:3] }}{{ name[::-1] }}{{ cart[0]['title'] }}{{ cart[-1].n }}{{ {'a': 1}['a'] }}{{ (1, 2)[count - 2] }}",
    "{{ day.strftime('%d %B') }} {{ '{:%Y}'.format(day) }} {{ day.isoformat() }} {{ day.year }}",
    "{{ 'a,b'.split(',') }} {{ name.startswith('Z') }} {{ name.replace('o', '0') }} {{ '-'.join(['a', 'b']) }} {{ 'x'.zfill(3) }}",
    "{{ profile.city }} {{ profile['items'] }} {{ profile|dictsort }} {{ profile|tojson }} {{ profile|items|list }} {{ profile|length }}",
    "{{ 7 // 2 }} {{ 7 % 3 }} {{ 2 ** 10 }} {{ 7 / 2 }} {{ 'ab' * 3 }} {{ [1] * 2 }} {{ 1 + 2 }} {{ 'a' + 'b' }}{{ [1] + [2] }}",
    "{{ price|round(1) }} {{ price|int }} {{ '12'|int }} {{ 'ff'|int(0, 16) }} {{ 1234567|filesizeformat }} {{ count|float }}",
    "{{ 'see https://example.com now'|urlize }} {{ '<p>'|striptags }} {{ {'a': name}|xmlattr }} {{ 'a b'|urlencode }}{{ name|title }}",
    "{% autoescape false %}{{ name }}{% endautoescape %}{% autoescape true %}{{ name }}{% endautoescape %}",
    "{% raw %}{{ x }}{% endraw %}{#- no -#} a {%- if count -%} b {%- elif tier -%} c {%- else -%} d {%- endif -%} e",
]


@pytest.mark.parametrize("autoescape", [True, False])
@pytest.mark.parametrize("source", SAME_AS_JINJA)
def test_metering_changes_no_rendering(source: str, autoescape: bool) -> None:
    plain = ImmutableSandboxedEnvironment(autoescape=autoescape, undefined=StrictUndefined, loader=DictLoader(FILES))
    limited = campaign_environment(autoescape=autoescape, loader=DictLoader(FILES))
    assert limited.from_string(source).render(ROW) == plain.from_string(source).render(ROW)


def test_parsing_gives_the_tree_as_it_is_written() -> None:
    source = "{% for i in cart %}{{ i.title|upper ~ name }}{% endfor %}"
    assert campaign_environment(autoescape=True).parse(source) == jinja2.Environment().parse(source)


def test_compiling_a_tree_leaves_it_as_it_is() -> None:
    environment = campaign_environment(autoescape=True)
    tree = environment.parse("{% for i in cart %}{{ i.title }}{% endfor %}")
    before = repr(tree)
    assert environment.from_string(tree).render(ROW) == "A &amp; Bc"
    assert repr(tree) == before


def test_a_filter_in_proportion_to_its_input_is_jinja2s_own_and_a_limited_one_unwraps_to_it() -> None:
    filters = campaign_environment(autoescape=True).filters
    assert filters["upper"] is jinja2.filters.FILTERS["upper"]
    assert filters["center"] is not jinja2.filters.FILTERS["center"]
    assert inspect.unwrap(filters["center"]) is jinja2.filters.FILTERS["center"]


@pytest.mark.parametrize("name", ["lipsum", "cycler", "joiner"])
def test_globals_that_make_text_or_keep_state_are_gone(name: str) -> None:
    assert name not in campaign_environment(autoescape=True).globals


def test_an_undefined_name_raises() -> None:
    with pytest.raises(jinja2.UndefinedError):
        campaign_environment(autoescape=True).from_string("{{ missing }}").render()


def test_the_error_names_the_innermost_template_and_its_line() -> None:
    files = {"outer": "a\n{% include 'inner' %}", "inner": "\n\n{{ 'x'|center(10 ** 9) }}"}
    environment = campaign_environment(autoescape=True, loader=DictLoader(files))
    with pytest.raises(TemplateLimitError, match=r"^inner:3: a width") as caught:
        environment.get_template("outer").render()
    assert (caught.value.name, caught.value.lineno) == ("inner", 3)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_each_rendering_has_an_account_of_its_own() -> None:
    environment = campaign_environment(autoescape=True, loader=DictLoader(FILES))
    template = environment.from_string(
        "{% import 'macros' as m %}{% for i in range(50000) %}{% if m.z %}{% endif %}{% endfor %}ok"
    )
    assert [template.render() for _ in range(12)] == ["ok"] * 12
    assert ["".join(template.generate()) for _ in range(2)] == ["ok"] * 2


def test_interleaved_renderings_and_threads_do_not_share_an_account() -> None:
    environment = campaign_environment(autoescape=True)
    heavy = environment.from_string("{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}")
    light = environment.from_string("{% for i in range(1000) %}{{ i }}{% endfor %}")
    expected = "".join(map(str, range(1000)))

    def attempt(number: int) -> bool:
        if number % 4:
            return light.render() == expected
        with pytest.raises(TemplateLimitError):
            heavy.render()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(attempt, range(16)))


def test_a_compiled_expression_is_limited_too() -> None:
    expression = campaign_environment(autoescape=True).compile_expression("x * n")
    assert expression(x="ab", n=2) == "abab"
    with pytest.raises(TemplateLimitError):
        expression(x="ab", n=10**9)


def test_a_filter_that_is_called_outside_a_rendering_is_limited() -> None:
    with pytest.raises(TemplateLimitError):
        campaign_environment(autoescape=True).filters["center"]("x", 10**9)
