import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.templates.sources import check_syntax, prepare

ROOT = Path(__file__).parents[4]
PAGE = "<mjml><mj-body>{}</mj-body></mjml>"
SECTION = "<mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section>"


def test_a_folder_is_prepared_as_one() -> None:
    files = {
        "offer.mjml.j2": PAGE.format(
            "{% if gold %}" + SECTION.format("Hi {{ name }}") + "{% endif %}<mj-include path='foot.mjml.j2'/>"
        ),
        "foot.mjml.j2": SECTION.format("<b>{{ bye }}</b>"),
        "note.html.j2": "<style>p{color:red}</style><p>{{ name }}</p>",
        "note.txt.j2": "own {{ name }}",
        "offer.subject.j2": "For {{ name }}",
    }
    prepared = prepare(files)
    assert sorted(prepared.files) == [
        "note.html.j2",
        "note.txt.j2",
        "offer.html.j2",
        "offer.subject.j2",
        "offer.txt.j2",
    ]
    assert prepared.files["note.txt.j2"] == "own {{ name }}"
    assert prepared.files["note.html.j2"] == '<p style="color: red">{{ name }}</p>'
    assert prepared.files["offer.txt.j2"] == "{% if gold %}Hi {{ name }}\n\n{% endif %}{{ bye }}\n"
    assert prepared.diagnostics == ()


def test_macros_in_a_file_of_any_name_are_made_text_too() -> None:
    files = {
        "a.html.j2": "{% import 'macros.j2' as m %}{% import 'words.txt.j2' as w %}<p>{{ m.button('x') }}{{ w.hi }}</p>",
        "macros.j2": "<style>a{color:red}</style>{% macro button(label) %}<a href='https://example.com/'>{{ label }}</a>{% endmacro %}",
        "words.txt.j2": "{% set hi = 'hi' %}",
    }
    prepared = prepare(files).files
    assert (
        prepared["a.txt.j2"]
        == "{% import 'macros.txt.j2' as m %}{% import 'words.txt.j2' as w %}{{ m.button('x') }}{{ w.hi }}\n"
    )
    assert prepared["macros.txt.j2"] == "{% macro button(label) %}{{ label }} (https://example.com/){% endmacro %}\n"
    assert '<a style="color: red"' in prepared["macros.j2"]


def test_every_syntax_error_of_all_files_is_told() -> None:
    with pytest.raises(InputError) as caught:
        check_syntax(
            {"a.html.j2": "\n{{ x }", "b.txt.j2": "{% if %}", "c.subject.j2": "ok", "d.html.j2": "{{ " + "(" * 5000}
        )
    assert [(each.code, str(each.place)) for each in caught.value.diagnostics] == [
        ("MR231", "a.html.j2:2"),
        ("MR231", "b.txt.j2:1"),
        ("MR232", "d.html.j2"),
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("<mjml><mj-body><mj-section></mj-body></mjml>", "MR241"),
        (PAGE.format("<mj-include path='/etc/passwd'/>"), "MR241"),
        (PAGE.format("<mj-include path='../../etc/passwd'/>"), "MR241"),
        (PAGE.format("<mj-include path='loop.mjml.j2'/>"), "MR241"),
        (PAGE.format("<mj-section>" * 100 + "</mj-section>" * 100), "MR242"),
        (PAGE.format("<mj-include path='deep.mjml.j2'/>"), "MR242"),
    ],
)
def test_what_mjml_refuses_is_told(source: str, code: str) -> None:
    files = {
        "a.mjml.j2": source,
        "loop.mjml.j2": "<mj-include path='loop.mjml.j2'/>",
        "deep.mjml.j2": "<div>" * 80 + "</div>" * 80,
    }
    with pytest.raises(InputError) as caught:
        prepare(files)
    assert [each.code for each in caught.value.diagnostics] == [code]


def test_mjml_and_html_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="one template"):
        prepare({"a.mjml.j2": PAGE.format(""), "a.html.j2": ""})


@pytest.mark.parametrize("source", ["<mjml>" + "<mj-section>" * 30_000, "<mjml><mj-body>" + "<div><p>" * 30_000])
def test_deep_sources_do_not_take_the_process_with_them(source: str) -> None:
    script = "import sys; from engine.errors import InputError\nfrom engine.templates.sources import prepare\n" + (
        "try: prepare({'a.mjml.j2': sys.stdin.read()})\nexcept InputError as error: print(error.diagnostics[0].code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=source, capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "MR242"


def test_text_directly_in_a_table_is_told_but_a_loop_is_not() -> None:
    source = "<table>\n{% for i in c %}<tr>{{ i }}<td>x</td></tr>{% endfor %}\n{{ total }}</table>"
    assert [(each.code, str(each.place)) for each in prepare({"a.html.j2": source}).diagnostics] == [
        ("MR230", "a.html.j2:2"),
        ("MR230", "a.html.j2:2"),
    ]
