import pytest

from engine.errors import InputError
from engine.templates.catalogue import Assets, catalogue_of
from engine.templates.catalogue.assets import with_addresses

DIGESTS = {"img/logo.png": "0123456789abcdef" * 4, "a.b.c": "f" * 64}
OTHER = "https://cdn.example.com/m/a.b.ffffffffffffffff.c"
LOGO = "https://cdn.example.com/m/img/logo.0123456789abcdef.png"


def assets() -> Assets:
    return Assets(DIGESTS.get, "https://cdn.example.com/m/")


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("<img src=\"{{ asset('img/logo.png') }}\">", f'<img src="{{{{ "{LOGO}" }}}}">'),
        ("{{- asset (\n 'img/logo.png' )|upper -}}", f'{{{{- "{LOGO}"|upper -}}}}'),
        ("{% set a = [asset('img/logo.png'), asset(\"a.b.c\")] %}", f'{{% set a = ["{LOGO}", "{OTHER}"] %}}'),
        ("asset('x') {# asset('x') #}{{ x.asset('y') }}{{ asset }}{% raw %}{{ asset('x') }}{% endraw %}", None),
    ],
)  # fmt: skip
def test_a_call_becomes_an_address(source: str, written: str | None) -> None:
    assert with_addresses({"a.html.j2": source}, assets())["a.html.j2"] == (source if written is None else written)


def test_only_what_is_named_is_looked_up() -> None:
    asked: list[str] = []
    found = Assets(lambda path: asked.append(path) or DIGESTS[path], "https://cdn.example.com")
    with_addresses(
        {"a.html.j2": "{{ asset('a.b.c') }}{{ asset('a.b.c') }}", "b.html.j2": "{{ asset('a.b.c') }}"}, found
    )
    assert asked == ["a.b.c"]
    assert found.used == {"a.b.c": "https://cdn.example.com/a.b.ffffffffffffffff.c"}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("asset('no.png')", "MR253"),
        ("asset('../img/logo.png')", "MR253"),
        ("asset('/etc/passwd')", "MR253"),
        ("asset(path)", "MR251"),
        ("asset('a' ~ 'b')", "MR251"),
        ("asset('img/logo.png', 1)", "MR251"),
        ("asset()", "MR251"),
    ],
)
def test_what_has_no_address_is_told_with_its_line(call: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        with_addresses({"a.html.j2": "\n\n{{ " + call + " }}"}, assets())
    assert [(each.code, str(each.place)) for each in caught.value.diagnostics] == [(code, "a.html.j2:3")]


def test_without_a_prefix_there_are_no_addresses() -> None:
    with pytest.raises(InputError, match="no address"):
        with_addresses({"a.html.j2": "{{ asset('img/logo.png') }}"}, None)


def test_another_content_is_another_template() -> None:
    files = {"a.html.j2": "<img src=\"{{ asset('x.png') }}\">", "a.subject.j2": "x"}
    contents = ({"x.png": sign * 64} for sign in "01")
    digests = {
        catalogue_of(["a"], files, Assets(each.get, "https://cdn.example.com")).templates[0].digest for each in contents
    }
    assert len(digests) == 2
