import pytest
from jinja2 import DictLoader

from engine.templates.sandbox import campaign_environment
from engine.templates.sources import text_parts

CASES = {
    "paragraphs": ("<h1>A</h1><p>b\n  c</p><p>d<br>e</p>", "A\n\nb c\n\nd\ne\n"),
    "entities": ("<p>a &amp; b&nbsp;&lt;c&gt;</p>", "a & b\xa0<c>\n"),
    "a list": ("<p>x</p><ul>\n<li>a</li>\n<li>b</li>\n</ul><p>y</p>", "x\n\n- a\n- b\n\ny\n"),
    "a table": ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>z", "a  b\n1  2\n\nz\n"),
    "a link": ("see <a href='https://example.com/'>the <b>shop</b></a>.", "see the shop (https://example.com/).\n"),
    "a link that shows its address": ("<a href='https://example.com/'>https://example.com/</a>", "https://example.com/\n"),
    "a link with a tag": ("<a href='{{ u }}'>go</a>", "go ({{ u }})\n"),
    "a link to its own page": ("<a href='#top'>top</a>", "top\n"),
    "a mail address": ("<a href='mailto:a@example.com'>write</a>", "write (a@example.com)\n"),
    "an image": ("<a href='{{ u }}'><img src=x alt='Logo'></a>", "Logo ({{ u }})\n"),
    "what is hidden": (
        "<head><style>p{}</style><title>t</title></head><div style='display:none'>pre<div>x</div></div><p>a</p><script>x</script>",
        "a\n",
    ),
    "a comment for one reader": ("a<!--[if mso]>{{ x }}{% if y %}z{% endif %}<![endif]-->b", "ab\n"),
    "statements in comments": ("<!-- {% if x %} --><p>a</p><!-- {% endif %} -->", "{% if x %}a\n\n{% endif %}\n"),
    "a loop in a table": (
        "<table>{% for i in c %}<tr><td>{{ i }}</td><td>x</td></tr>{% endfor %}</table>",
        "{% for i in c %}{{ i }}  x\n{% endfor %}\n",
    ),
    "a loop of cells": (
        "<table><tr>{% for c in r %}<td>{{ c }}</td>{% endfor %}</tr><tr><td>z</td></tr></table>",
        "{% for c in r %}{{ c }}  {% endfor %}\nz\n",
    ),
    "a link around a block": (
        "<a href='{{ u }}'><table><tr><td>a</td></tr><tr><td>b</td></tr></table></a><p>x</p>", "a\nb\n({{ u }})\n\nx\n",
    ),
    "spaces that keep apart": ("<p><b>a</b> &nbsp;&nbsp; <b>b</b></p><table><tr><td>&nbsp;</td></tr></table><p>c</p>", "a b\n\nc\n"),
    "whitespace control": ("<p>a {%- if x -%} <b>b</b> {%- endif %} c {{- d }}</p>", "a{% if x %}b{% endif %} c{{ d }}\n"),
    "a macro's lines are not its caller's to strip": (
        "{% macro h(t) -%}<h2>{{ t }}</h2>{%- endmacro %}{{ h('x') }}<p>y</p>", "{% macro h(t) %}{{ t }}\n\n{% endmacro %}{{ h('x') }}y\n",
    ),
    "a loop after a text": ("<p>a:{% for i in c %}<li>{{ i }}</li>{% endfor %}", "a:\n{% for i in c %}- {{ i }}\n{% endfor %}\n"),
    "a condition in a line": ("<p>a{% if x %} b{% endif %} c</p>", "a{% if x %} b{% endif %} c\n"),
    "a condition around paragraphs": ("<p>a</p>{% if x %}<p>b</p>{% else %}<p>c</p>{% endif %}<p>d</p>",
                                      "a\n\n{% if x %}b\n\n{% else %}c\n\n{% endif %}d\n"),
    "an escaped brace": ("<p>&#123;&#123; x }} and {&#37; y</p>", "{{ '{' }}{ x }} and {{ '{' }}% y\n"),
    "a raw block": ("<p>{% raw %}{{ x }}{% endraw %}</p>", "{% raw %}{{ x }}{% endraw %}\n"),
    "filters for markup": ("{{ a|e }}{{ b|safe }}{{ c|upper|escape }}", "{{ a}}{{ b|striptags }}{{ c|upper}}\n"),
    "other files": (
        "{% extends 'base.html.j2' %}{% block b %}{% include \"p/x.html.j2\" %}{{ 'a.html.j2' }}{% endblock %}",
        "{% extends 'base.txt.j2' %}{% block b %}{% include \"p/x.txt.j2\" %}{{ 'a.html.j2' }}{% endblock %}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "text"), CASES.values(), ids=CASES.keys())
def test_html_becomes_text(source: str, text: str) -> None:
    assert text_parts({"page": source})["page"] == text


def test_lines_end_around_the_blocks_that_another_page_fills() -> None:
    pages = {
        "base.html.j2": "<p>top</p><table><tr><td>{% block nav %}{% endblock %}</td></tr>{% block hero %}{% endblock %}"
        "<tr><td>{% block call %}{% endblock %}</td></tr>{% block rest %}{% endblock %}</table><p>end</p>",
        "page.html.j2": "{% extends 'base.html.j2' %}{% macro button(x) %}<table><tr><td>{{ x }}</td></tr></table>{% endmacro %}"
        "{% block nav %}<a href='#'>new</a>{% endblock %}{% block hero %}<tr><td>hero</td></tr>{% endblock %}"
        "{% block call %}{{ button('go') }}{% endblock %}{% block rest %}<tr><td>rest</td></tr>{% endblock %}",
    }
    texts = {name.replace("html", "txt"): text for name, text in text_parts(pages).items()}
    environment = campaign_environment(autoescape=False, loader=DictLoader(texts))
    assert environment.get_template("page.txt.j2").render() == "top\n\nnew\nhero\ngo\n\nrest\n\nend"


@pytest.mark.parametrize(("count", "lines"), [(0, "nothing"), (2, "- a\n- b")])
@pytest.mark.parametrize("gold", [True, False])
def test_the_made_text_renders(count: int, lines: str, gold: bool) -> None:
    source = (
        "{% macro row(i) %}<li>{{ i }}</li>{% endmacro %}{% set who = name %}<p>Dear <b>{{ who }}</b>"
        "{% if gold %}, our best{% endif %}:</p>"
        "<ul>{% for i in cart %}{{ row(i) }}{% else %}<li>nothing</li>{% endfor %}</ul>{% if gold %}<p>Gold!</p>{% endif %}<p>Bye</p>"
    )
    row = {"name": "A & B", "gold": gold, "cart": ["a", "b"][:count]}
    text = campaign_environment(autoescape=False).from_string(text_parts({"page": source})["page"]).render(row)
    assert text.startswith(f"Dear A & B{', our best' if gold else ''}:\n\n")
    assert lines in text
    assert ("Gold!\n\n" in text) is gold
    assert text.endswith("Bye")
