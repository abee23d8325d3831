import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.adapters.stores.template_versions import TemplateVersions
from engine.errors import CannotCreateError, InputError

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = {
    "offer.html.j2": "<p>{% include 'foot.html.j2' %}</p>\n",
    "offer.subject.j2": "Hi",
    "foot.html.j2": "bye",
    "other.html.j2": "x",
}
SECOND = {**FIRST, "foot.html.j2": "goodbye"}


@pytest.fixture
def versions(tmp_path: Path) -> TemplateVersions:
    return TemplateVersions(tmp_path / "published")


def test_what_is_published_can_be_listed_shown_and_compared(versions: TemplateVersions) -> None:
    first = versions.publish("offer", FIRST, author="Ann", at=AT, note="first")
    second = versions.publish("offer", SECOND, author="Bob", at=AT + timedelta(hours=1))
    assert [(each.author, each.note, each.at) for each in versions.list().versions] == [
        ("Ann", "first", AT),
        ("Bob", "", AT + timedelta(hours=1)),
    ]
    assert versions.show("offer") == (second, {name: text for name, text in SECOND.items() if name != "other.html.j2"})
    assert versions.show("offer", first.digest[:8])[1]["foot.html.j2"] == "bye"
    assert versions.diff("offer", first.digest).splitlines()[2:] == ["@@ -1 +1 @@", "-bye", "+goodbye"]


def test_publishing_the_same_again_adds_nothing(versions: TemplateVersions) -> None:
    first = versions.publish("offer", FIRST, author="Ann", at=AT)
    assert versions.publish("offer", {**FIRST, "other.html.j2": "y"}, author="Bob", at=AT) == first
    assert len(versions.list().versions) == 1


def test_rolling_back_lets_an_older_version_hold_and_keeps_history(versions: TemplateVersions) -> None:
    first = versions.publish("offer", FIRST, author="Ann", at=AT)
    versions.publish("offer", SECOND, author="Bob", at=AT)
    back = versions.rollback("offer", first.digest[:6], author="Cem", at=AT, note="too friendly")
    assert (back.digest, back.rollback, back.author) == (first.digest, True, "Cem")
    assert versions.show("offer")[1]["foot.html.j2"] == "bye"
    assert [each.digest for each in versions.list().of("offer")][::2] == [first.digest] * 2
    assert versions.publish("offer", SECOND, author="Bob", at=AT).rollback is False


def test_rolling_back_to_what_never_was_is_refused(versions: TemplateVersions) -> None:
    versions.publish("offer", FIRST, author="Ann", at=AT)
    with pytest.raises(InputError, match="MR263"):
        versions.rollback("offer", "abcdef", author="Ann", at=AT)
    assert len(versions.list().versions) == 1


def test_a_line_that_a_crash_cut_off_does_not_count_and_is_replaced(versions: TemplateVersions, tmp_path: Path) -> None:
    first = versions.publish("offer", FIRST, author="Ann", at=AT)
    index = tmp_path / "published" / "index.jsonl"
    whole = index.read_bytes()
    index.write_bytes(whole + whole[:40])
    assert versions.list().versions == (first,)
    second = versions.publish("offer", SECOND, author="Bob", at=AT)
    assert versions.list().versions == (first, second)
    assert index.read_bytes().startswith(whole)
    assert [json.loads(line)["author"] for line in index.read_text().splitlines()] == ["Ann", "Bob"]


def test_a_text_that_was_altered_is_refused(versions: TemplateVersions, tmp_path: Path) -> None:
    first = versions.publish("offer", FIRST, author="Ann", at=AT)
    (tmp_path / "published" / "sources" / first.files["foot.html.j2"]).write_text("evil")
    with pytest.raises(InputError, match=r"foot.html.j2 was altered"):
        versions.show("offer")


def test_line_ends_are_kept(versions: TemplateVersions) -> None:
    versions.publish("a", {"a.subject.j2": "x\r\ny\r", "a.html.j2": "é\u2028"}, author="Ann", at=AT)
    assert versions.show("a")[1] == {"a.subject.j2": "x\r\ny\r", "a.html.j2": "é\u2028"}


def test_many_may_publish_at_once(versions: TemplateVersions) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: versions.publish(f"t{n}", {f"t{n}.html.j2": str(n)}, author="Ann", at=AT), range(24)))
    assert sorted(versions.list().templates) == sorted(f"t{n}" for n in range(24))


def test_nothing_published_is_an_empty_history(versions: TemplateVersions) -> None:
    assert versions.list().versions == ()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotCreateError):
        TemplateVersions(tmp_path / "file").publish("a", {}, author="Ann", at=AT)
