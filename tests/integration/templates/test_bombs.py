"""Templates that ask for too much, each rendered in a process that may use 512 MB and two seconds of processor time."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

MEGABYTES = 512
SECONDS = 2
ROOT = Path(__file__).parents[3]

# Rendered as bomb.html.j2 with `word` (a text of a million characters) and `n` (10 ** 9).
BOMBS = {
    "nested ranges": "{% for a in range(99999) %}\n{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "nested ranges with output": "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "a filtered loop": "{% for a in range(99999) %}{% for b in range(99999) if b < 0 %}{% endfor %}{% endfor %}",
    "a huge range": "{% for a in range(n) %}{% endfor %}",
    "a text times a number": "{{ 'x' * n }}",
    "a list times a number": "{{ ([0] * n)|length }}",
    "a list of lists times a number": "{{ [[0] * 100000] * 100000 }}",
    "a power": "{{ 2 ** n }}",
    "a tower of powers": "{{ 9 ** 9 ** 9 ** 9 ** 9 ** 9 }}",
    "squares of squares": "{% set ns = namespace(x=3) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}",
    "percent with a width": "{{ '%1000000000d'|format(1) }}",
    "percent operator with a width": "{{ '%1000000000d' % 1 }}",
    "percent with a star": "{{ '%*d'|format(n, 1) }}",
    "percent with a precision": "{{ '%.1000000000f'|format(1.5) }}",
    "percent with a repeated name": "{{ ('%(w)s' * 5000) % {'w': word} }}",
    "str.format with a width": "{{ '{:1000000000}'.format(1) }}",
    "str.format with a nested width": "{{ '{:{w}}'.format(1, w=n) }}",
    "str.format with repeated fields": "{{ ('{0}' * 5000).format(word) }}",
    "center": "{{ 'x'|center(n) }}",
    "center as a method": "{{ 'x'.center(n) }}",
    "center mapped": "{{ range(99999)|map('string')|map('center', 10000)|list|length }}",
    "ljust": "{{ 'x'.ljust(n) }}",
    "zfill": "{{ 'x'.zfill(n) }}",
    "expandtabs": "{{ '\\t'.expandtabs(n) }}",
    "indent": "{{ 'x\\nx'|indent(n) }}",
    "indent by a text": "{{ ('x\\n' * 100000)|indent(word) }}",
    "wordwrap": "{{ word|wordwrap(1, wrapstring=word) }}",
    "urlize": "{{ (')' * 200000 ~ 'x)')|urlize }}",
    "urlize with a long attribute": "{{ ('a.com ' * 10000)|urlize(rel=word) }}",
    "striptags": "{{ ('<!--' * 200000)|striptags }}",
    "join of references": "{{ ([word] * 2)|join(word) ~ ([word] * 90)|join }}",
    "join as a method": "{{ word.join(word) }}",
    "replace": "{{ word|replace('x', word) }}",
    "replace as a method": "{{ word.replace('x', word) }}",
    "concatenation doubled": "{% set x = 'x' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "addition doubled": "{% set x = 'x' %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "lists doubled": "{% set x = ['x'] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
    "lists doubled and compared": "{% set x = ['x'] %}{% set y = ['x'] %}"
    + "{% set x = [x, x] %}{% set y = [y, y] %}" * 40
    + "{{ x == y }}",
    "tuples doubled as a key": "{% set x = ('x',) %}" + "{% set x = (x, x) %}" * 40 + "{{ {}[x] is defined }}",
    "dicts doubled": "{% set x = {} %}" + "{% set x = dict(a=x, b=x) %}" * 40 + "{{ x|tojson }}",
    "namespaces doubled": "{% set x = namespace() %}"
    + "{% set x = namespace(a=x, b=x) %}" * 40
    + "{{ x }}"
    + "{{ 1 // 0 }}",
    "lists kept": "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = ns.x + [word|list] %}{% endfor %}",
    "splits kept": "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = ns.x + [word.split('x')] %}{% endfor %}",
    "texts kept": "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = ns.x + [word|upper] %}{% endfor %}",
    "work for nothing": "{% for i in range(99999) %}{% if word|upper == word|lower %}{% endif %}{% endfor %}",
    "sort": "{% for i in range(99999) %}{% set x = range(99999)|sort %}{% endfor %}",
    "select by membership": "{{ range(99999)|select('in', range(99999)|list)|list|length }}",
    "sum of lists": "{{ ([range(99999)|list] * 10)|sum(start=[])|length }}",
    "batch": "{{ [1]|batch(n, 0)|list|length }}",
    "slice": "{{ [1]|slice(n)|list|length }}",
    "tojson": "{{ [[1] * 100000]|tojson(indent=n) }}",
    "round": "{{ 1|round(n) }}",
    "round up": "{{ 1|round(n, 'ceil') }}",
    "a number of another base": "{{ ('f' * 1000000)|int(0, 16) // 3 }}",
    "a long number": "{{ " + "1" * 100_000 + " }}",
    "a long hexadecimal number": "{{ 0x" + "f" * 400_000 + " // 3 }}",
    "strftime": "{{ day.strftime('%1000000000d') }}",
    "strftime by format": "{{ '{:%1000000000d}'.format(day) }}",
    "a recursive macro": "{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}",
    "a branching macro": "{% macro m(d) %}{% if d %}{{ m(d - 1) }}{{ m(d - 1) }}{% endif %}{% endmacro %}{{ m(45) }}",
    "a macro that calls back": "{% macro m() %}{{ caller() }}{% endmacro %}"
    + "{% call m() %}" * 60
    + "x"
    + "{% endcall %}" * 60,
    "a recursive include": "{% include 'bomb.html.j2' %}",
    "a branching include": "{% include 'bomb.html.j2' %}{% include 'bomb.html.j2' %}",
    "a recursive import": "{% import 'bomb.html.j2' as again %}",
    "a template that extends itself": "{% extends 'bomb.html.j2' %}",
    "a recursive block": "{% block b %}{{ self.b() }}{% endblock %}",
    "a recursive loop": "{% set x = [1] %}{% for a in x recursive %}{{ loop(x) }}{% endfor %}",
    "a branching recursive loop": "{% for a in [1, 2] recursive %}{{ loop([1, 2]) if loop.depth < 45 }}{% endfor %}",
    "output over the limit": "{% for a in range(3) %}{{ word }}{% endfor %}",
    "static text over the limit": "{% for a in range(99999) %}" + "x" * 1000 + "{% endfor %}",
    "parentheses": "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
    "nots": "{{ " + "not " * 100_000 + "1 }}",
    "a long sum": "{{ 1" + " + 1" * 50_000 + " }}",
    "a long chain of filters": "{{ 1" + "|abs" * 50_000 + " }}",
    "nested ifs": "{% if 1 %}" * 20_000 + "{% endif %}" * 20_000,
    "nested loops": "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
    "as many expressions as are allowed": "{{ n }}" * 9_990 + "{{ 2 ** n }}",
    "many expressions": "{{ n }}" * 70_000,
    "many blocks": "".join(f"{{% block b{number} %}}{{% endblock %}}" for number in range(9_000)),
    "many macros": "{% macro m() %}{% endmacro %}" * 9_000,
    "a long source": "x" * 3_000_000,
}

SCRIPT = """
import datetime, resource, sys
from jinja2 import DictLoader
from engine.templates.sandbox import TemplateLimitError, campaign_environment

name = "bomb.html.j2"
environment = campaign_environment(autoescape=True, loader=DictLoader({name: sys.stdin.read(), "good": "Hello {{ n }}"}))
try:
    environment.get_template(name).render(word="x" * 1_000_000, n=10**9, day=datetime.date(2026, 1, 1))
except TemplateLimitError as error:
    print(error)
except ZeroDivisionError:
    print("bomb.html.j2 came to its end")
assert environment.get_template("good").render(n=1) == "Hello 1"
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def limit_process() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES * 2**20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS + 1,) * 2)


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_answered_and_the_next_template_still_renders(bomb: str) -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        command, input=bomb, capture_output=True, text=True, cwd=ROOT, preexec_fn=limit_process, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    message, seconds = done.stdout.strip().splitlines()
    assert message.startswith("bomb.html.j2")
    assert float(seconds) < SECONDS
