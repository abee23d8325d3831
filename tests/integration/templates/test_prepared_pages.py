"""Rendering what was prepared gives the page that inlining each rendered message would give."""

from html.parser import HTMLParser

import css_inline
import mjml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.templates.sandbox import campaign_environment
from engine.templates.sources import inline_styles, prepare

CART = st.lists(
    st.fixed_dictionaries({"title": st.sampled_from(["A", "<b>", "é & ü", ""]), "n": st.integers(0, 5)}), max_size=4
)
ROWS = st.fixed_dictionaries(
    {"name": st.sampled_from(["Zoë", "<p class='a'>", "a < b"]), "gold": st.booleans(), "cart": CART}
)
INLINE = st.sampled_from(
    [
        "text ",
        "{{ name }}",
        "{{ loop.index if loop is defined }}",
        "<b>bold</b>",
        '<a class="b" href="{{ name|urlencode }}">go</a>',
        "&amp;<br>",
    ]
)
SELECTORS = st.sampled_from(
    ["p", "td", ".a", ".b", "p.a", "div p", "div > p", "table .a", ".a .b", "tr td a", "#x", "[href]", "p b, td.a"]
)
DECLARATIONS = st.sampled_from(
    ["color:red", "color:blue!important", "margin:0 1px", "font-family:'A B',c", "padding:2px;color:{{ 'navy' }}"]
)
ATTRIBUTES = st.sampled_from(
    ["", ' class="a"', ' class="b a"', ' style="color:green"', ' class="a" style="width:{{ 3 }}px"', ' id="x"']
)


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    many = st.lists(inner, min_size=1, max_size=3).map("".join)
    return st.one_of(
        st.builds("<div{}>{}</div>".format, ATTRIBUTES, many),
        st.builds("{{% if gold %}}{}{{% else %}}{}{{% endif %}}".format, many, many),
        st.builds("{{% for i in cart if i.n < 4 %}}{}{{% endfor %}}".format, many),
        st.builds(
            "<table{}>{{% for i in cart %}}<tr><td{}>{{{{ i.title }}}}</td><td>{}</td></tr>{{% endfor %}}</table>".format,
            ATTRIBUTES, ATTRIBUTES, many,
        ),
    )  # fmt: skip


BODIES = st.recursive(
    st.builds("<p{}>{}</p>".format, ATTRIBUTES, st.lists(INLINE, max_size=3).map("".join)), blocks, max_leaves=8
)
SHEETS = st.lists(st.builds("{} {{{}}}".format, SELECTORS, DECLARATIONS), min_size=1, max_size=5).map("\n".join)


class Structure(HTMLParser):
    """A page's elements, attributes and texts in their order, styles as the declarations that hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(
            (tag, sorted((key, declarations(value or "") if key == "style" else value) for key, value in attrs))
        )

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(data.split())


def declarations(style: str) -> list[tuple[str, str]]:
    holding: dict[str, str] = {}
    for each in filter(str.strip, style.replace('"', "'").split(";")):
        name, _, value = each.partition(":")
        value = " ".join(value.replace("!important", " !important").split())
        if "!important" in value or "!important" not in holding.get(name.strip(), ""):
            holding[name.strip()] = value
    return sorted(holding.items())


def structure(page: str, *, inline: bool) -> list[object]:
    """Read as HTML is read by a mail reader: what is missing is filled in, what is out of place is moved."""
    return Structure(css_inline.CSSInliner(load_remote_stylesheets=False, inline_style_tags=inline).inline(page)).found


def without_styles(found: list[object]) -> list[object]:
    return [each for each in found if each != "style" and not (isinstance(each, tuple) and each[0] == "style")]


@settings(max_examples=150, deadline=None)
@given(sheet=SHEETS, body=BODIES, row=ROWS)
def test_inlining_the_source_is_inlining_every_message(sheet: str, body: str, row: dict[str, object]) -> None:
    source = f"<html><head><style>{sheet}</style></head><body>{body}</body></html>"
    environment = campaign_environment(autoescape=True)
    prepared = environment.from_string(inline_styles({"a.html.j2": source}).files["a.html.j2"]).render(row)
    rendered = environment.from_string(source).render(row)
    assert without_styles(structure(prepared, inline=False)) == without_styles(structure(rendered, inline=True))


SECTION = (
    '<mj-section><mj-column>{}<mj-text css-class="hot" color="{{{{ color }}}}">{}</mj-text></mj-column></mj-section>'
)
MJML_PAGES = [
    "{% for i in cart if i.n < 9 %}" + SECTION.format("", "{{ i.title }}") + "{% endfor %}",
    SECTION.format("{% if gold %}<mj-text>a &amp; b</mj-text>{% endif %}", "{% for i in cart %}<b>{{ i.n }}</b>{% else %}none{% endfor %}"),
    SECTION.format("<mj-table>{% for i in cart %}<tr><td>{{ i.title }}</td></tr>{% endfor %}</mj-table>", "x"),
    SECTION.format("<mj-button href=\"{{ url|d('>') }}\">{{ name }}</mj-button><mj-raw><hr></mj-raw>", "{% raw %}{{ x }}{% endraw %}"),
]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("gold", [True, False])
@pytest.mark.parametrize("body", MJML_PAGES)
def test_compiling_the_mjml_source_is_compiling_every_message(body: str, gold: bool, count: int) -> None:
    source = (
        "<mjml><mj-head><mj-title>{{ name }}</mj-title><mj-preview>{{ name }}</mj-preview><mj-style>.hot{color:red}</mj-style></mj-head>"
        f"<mj-body>{body}</mj-body></mjml>"
    )
    row = {
        "gold": gold, "name": "Ann", "color": "#123456", "url": "https://example.com/",
        "cart": [{"title": f"T{number}", "n": number} for number in range(count)],
    }  # fmt: skip
    environment = campaign_environment(autoescape=True)
    prepared = environment.from_string(prepare({"a.mjml.j2": source}).files["a.html.j2"]).render(row)
    compiled = mjml.mjml2html(environment.from_string(source).render(row))
    assert without_styles(structure(prepared, inline=False)) == without_styles(structure(compiled, inline=True))
