import pytest

from engine.errors import InputError, MissingInputError
from engine.templates.catalogue import catalogue_of, digest_of, files_of, is_plain

FILES = {
    "offer.html.j2": "{% extends 'base.html.j2' %}{% block body %}<p>{{ name }}</p>{% endblock %}",
    "offer.subject.j2": "For {{ name }}",
    "base.html.j2": "<style>p{color:red}</style>{% block body %}{% endblock %}{% include 'parts/foot.html.j2' %}",
    "parts/foot.html.j2": "<p>bye</p>",
    "news/weekly.mjml.j2": "<mjml><mj-body><mj-include path='../parts/top.mjml.j2'/></mj-body></mjml>",
    "news/weekly.subject.j2": "News",
    "news/weekly.txt.j2": "own text",
    "parts/top.mjml.j2": "<mj-section><mj-column><mj-text>{{ hi }}</mj-text></mj-column></mj-section>",
}


def test_a_set_has_three_prepared_parts_and_what_they_need() -> None:
    offer, weekly = catalogue_of(["offer", "news/weekly"], FILES).templates
    assert {part: (each.name, each.autoescape) for part, each in offer.parts.items()} == {
        "subject": ("offer.subject.j2", False),
        "text": ("offer.txt.j2", False),
        "html": ("offer.html.j2", True),
    }
    assert offer.parts["html"].source.count('style="color: red"') == 1
    assert offer.parts["text"].source == "{% extends 'base.txt.j2' %}{% block body %}{{ name }}\n\n{% endblock %}\n"
    assert sorted(offer.shared) == [
        "base.html.j2", "base.txt.j2", "offer.html.j2", "offer.subject.j2", "offer.txt.j2", "parts/foot.html.j2", "parts/foot.txt.j2",
    ]  # fmt: skip
    assert weekly.parts["text"].source == "own text"
    assert "{{ hi }}" in weekly.parts["html"].source


def test_a_hash_follows_what_a_template_is_made_of_and_nothing_else() -> None:
    def digests(changed: str) -> list[str]:
        files = {name: source + ("<i>x</i>" if name == changed else "") for name, source in FILES.items()}
        return [each.digest for each in catalogue_of(["offer", "news/weekly"], files).templates]

    offer, weekly = digests("")
    assert digests("") == [offer, weekly]
    assert digests("parts/foot.html.j2")[0] != offer
    assert digests("parts/foot.html.j2")[1] == weekly
    assert digests("news/weekly.txt.j2")[0] == offer
    assert digests("news/weekly.txt.j2")[1] != weekly


def test_the_hash_parts_names_from_sources() -> None:
    assert digest_of({"a": "bc"}) != digest_of({"ab": "c"})
    assert digest_of({"a": "", "b": "x"}) != digest_of({"a": "x", "b": ""})
    assert digest_of({"a": "1", "b": "2"}) == digest_of({"b": "2", "a": "1"})


def test_files_of_a_template_are_found_in_every_form() -> None:
    assert sorted(files_of("news/weekly", FILES)) == [
        "news/weekly.mjml.j2", "news/weekly.subject.j2", "news/weekly.txt.j2", "parts/top.mjml.j2",
    ]  # fmt: skip
    assert sorted(files_of("offer", {**FILES, "base.txt.j2": "x", "other.txt.j2": "y"})) == [
        "base.html.j2", "base.txt.j2", "offer.html.j2", "offer.subject.j2", "parts/foot.html.j2",
    ]  # fmt: skip


def test_a_name_known_only_later_may_be_any_file() -> None:
    files = {**FILES, "offer.html.j2": "{% include part %}"}
    assert files_of("offer", files) == files


def test_parts_that_are_not_there_are_all_told() -> None:
    with pytest.raises(MissingInputError) as caught:
        catalogue_of(["ofer", "news/weekly"], FILES)
    assert [(each.code, each.message.split()[-1]) for each in caught.value.diagnostics] == [
        ("MR313", "ofer.subject.j2"),
        ("MR313", "ofer.html.j2"),
    ]
    assert caught.value.diagnostics[0].help == "did you mean `offer.subject.j2`?"


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../b", "a//b", "./a", "a/", "", ".", "..", "a\\b", "a\x00b", "a b", "ä", "a\n", "c:x", "x" * 300],
)  # fmt: skip
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    assert not is_plain(name)
    with pytest.raises(InputError) as caught:
        catalogue_of([name], FILES)
    assert caught.value.diagnostics[0].code == "MR233"


@pytest.mark.parametrize("name", ["offer", "news/weekly-2", "a.b/c_d"])
def test_a_plain_name_is_taken(name: str) -> None:
    assert is_plain(name)


def test_faults_of_every_source_are_told_before_anything_is_made() -> None:
    with pytest.raises(InputError) as caught:
        catalogue_of(["offer"], {**FILES, "x.html.j2": "{{ asset( }}", "y.txt.j2": "{% endif %}"})
    assert [str(each.place) for each in caught.value.diagnostics] == ["x.html.j2:1", "y.txt.j2:1"]
