import pytest

from engine.errors import InputError
from engine.templates.sources import inline_styles

PAGE = "page.html.j2"


def inlined(source: str) -> str:
    return inline_styles({PAGE: source}).files[PAGE]


def test_a_loop_stays_in_its_table() -> None:
    source = "<style>td{color:red}</style><table>{% for i in cart if i.n < 3 %}<tr><td>{{ i.t }}</td></tr>{% endfor %}</table>"
    assert inlined(source) == (
        '<table>{% for i in cart if i.n < 3 %}<tr><td style="color: red">{{ i.t }}</td></tr>{% endfor %}</table>'
    )


def test_nothing_but_styles_changes() -> None:
    source = "<style>p{color:red}</style>\r\n<P Class=a>&copy; <BR/>{{ x|d('<p>') }}<p>{# <p> #}{% raw %}{{ y }}{% endraw %}<!-- <p> -->"
    assert inlined(source) == (
        '\n<P style="color: red" Class=a>&copy; <BR/>{{ x|d(\'<p>\') }}<p style="color: red">'
        "{# <p> #}{% raw %}{{ y }}{% endraw %}<!-- <p> -->"
    )


def test_a_page_without_a_sheet_is_left_alone() -> None:
    source = "<p>{{ x }}</p>"
    assert inlined(source) == source


def test_every_line_keeps_its_number() -> None:
    source = "<style>\np { color: red }\n@media print {\n p { color: blue } }\n</style>\n<p>{{ x }}</p>\n"
    written = inlined(source)
    assert written.count("\n") == source.count("\n")
    assert written.split("\n")[5] == '<p style="color: red">{{ x }}</p>'


def test_an_elements_own_style_is_the_stronger_one() -> None:
    assert inlined(
        "<style>p{color:red;margin:0}</style><p style=\"color:blue\">x</p><p style='width:{{ w }}px'>y</p>"
    ) == ("<p style=\"color: red;margin: 0; color:blue\">x</p><p style='color: red;margin: 0; width:{{ w }}px'>y</p>")


def test_a_value_may_be_a_tag() -> None:
    assert inlined("<style>p{color:{{ brand }};width:{{ w }}px}</style><p>x</p>") == (
        '<p style="color: {{ brand }};width: {{ w }}px">x</p>'
    )


def test_quotes_in_a_value_fit_into_the_attribute() -> None:
    assert inlined("<style>p{font-family:\"A B\",c}</style><p>x</p><p style='x:y'>x</p>") == (
        "<p style=\"font-family: 'A B',c\">x</p><p style='font-family: \"A B\",c; x:y'>x</p>"
    )


def test_what_cannot_be_in_an_attribute_stays_a_sheet() -> None:
    source = "<style>a{color:red} a:hover{color:blue} @media print{a{color:black}} @import 'x.css';</style><a>x</a>"
    assert inlined(source) == (
        "<style>a:hover{color:blue}\n@media print{a{color:black}}\n@import 'x.css';</style><a style=\"color: red\">x</a>"
    )


def test_rules_on_siblings_stay_a_sheet_where_a_loop_makes_siblings() -> None:
    sheet = "<style>li:first-child{color:red}</style>"
    assert inlined(f"{sheet}<ul><li>a</li></ul>") == '<ul><li style="color: red">a</li></ul>'
    looped = "<ul>{% for i in x %}<li>a</li>{% endfor %}</ul>"
    assert inlined(sheet + looped) == sheet + looped


def test_pages_that_extend_and_include_are_read_together() -> None:
    files = {
        "base.html.j2": "<style>.box p{color:red}</style><div class=box>{% block body %}<p>no</p>{% endblock %}</div>",
        "page.html.j2": "{% extends 'base.html.j2' %}{% block body %}<p>a</p>{% include 'part.html.j2' %}{% endblock %}<p>outside</p>",
        "part.html.j2": "<p>part</p>",
        "other.html.j2": "<p>alone</p>",
    }
    result = inline_styles(files).files
    assert result["page.html.j2"].count("color: red") == 1
    assert result["part.html.j2"] == '<p style="color: red">part</p>'
    assert result["other.html.j2"] == "<p>alone</p>"
    assert result["base.html.j2"].startswith("<div")


def test_files_that_go_round_in_a_circle_come_to_an_end() -> None:
    files = {
        "a.html.j2": "<style>p{color:red}</style><p>a</p>{% include 'b.html.j2' %}",
        "b.html.j2": "<p>b</p>{% include 'a.html.j2' %}",
        "c.html.j2": "{% extends 'c.html.j2' %}{% block x %}{% block y %}{% endblock %}{% endblock %}",
    }
    assert "color: red" in inline_styles(files).files["b.html.j2"]


@pytest.mark.parametrize(
    "element",
    [
        "<p class='a {{ b }}'>",
        "<p {% if x %}class='a'{% endif %}>",
        "<p {% if x %}style='x:y'{% endif %}>",
        "<p id={{ x }}>",
    ],
)
def test_a_style_that_a_tag_chooses_is_left_to_the_sheet(element: str) -> None:
    source = f"<style>.a{{color:red}} p{{x:y}}</style>{element}x</p><p class=a>y</p>"
    result = inline_styles({PAGE: source})
    assert result.files[PAGE].startswith(f"<style>.a{{color:red}} p{{x:y}}</style>{element}x</p><p style=")
    assert [each.code for each in result.diagnostics] == ["MR221"]


@pytest.mark.parametrize("css", ["{{ all }} p{color:red}", "{% if x %}p{color:red}{% endif %}", "p{ {{ name }}: red }"])
def test_a_sheet_with_logic_is_left_alone(css: str) -> None:
    source = f"\n<style>{css}</style><p>x</p>"
    result = inline_styles({PAGE: source})
    assert result.files[PAGE] == source
    assert [(each.code, each.place and each.place.line) for each in result.diagnostics] == [("MR222", 2)]


def test_a_marked_sheet_is_left_alone() -> None:
    source = "<style data-css-inline=ignore>p{color:red}</style><p>x</p>"
    assert inlined(source) == source


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/x.css", "file:///etc/passwd", "/etc/passwd", "../../etc/passwd"]
)
def test_nothing_is_loaded(address: str) -> None:
    source = f'<link rel="stylesheet" href="{address}"><style>p{{color:red}}</style><p>x</p>'
    assert inlined(source) == f'<link rel="stylesheet" href="{address}"><p style="color: red">x</p>'


def test_a_page_too_deep_is_refused() -> None:
    with pytest.raises(InputError, match="inside one another"):
        inlined("<style>p{color:red}</style>" + "<div>" * 100_000)


def test_two_pages_that_style_a_shared_file_in_two_ways_are_told() -> None:
    files = {
        "one.html.j2": "<style>p{color:red}</style>{% include 'part.html.j2' %}",
        "two.html.j2": "<style>p{color:blue}</style>{% include 'part.html.j2' %}",
        "part.html.j2": "<p>x</p>",
    }
    result = inline_styles(files)
    assert result.files["part.html.j2"] == '<p style="color: red">x</p>'
    assert [each.code for each in result.diagnostics] == ["MR223"]
