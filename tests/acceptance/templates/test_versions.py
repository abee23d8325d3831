"""`mailray template`: what was published can be listed, shown, compared and put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Mailray = Callable[..., Any]


def publish(mailray: Mailray, campaign: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Publish all templates; what is said of each."""
    done = mailray("template", "publish", campaign, *options, "--json")
    assert done.code == 0, done.err
    return {each["template"]: each for each in done.json["templates"]}


def test_versions_are_listed_shown_compared_and_rolled_back(mailray: Mailray, campaign: Path) -> None:
    subject = campaign / "templates" / "hello.subject.j2"
    before = subject.read_text()
    fingerprint = mailray("validate", campaign, "--json").json["fingerprint"]
    first = publish(mailray, campaign, "--author", "Ann", "--note", "first words", "--now", "2026-03-01T09:00:00Z")
    assert {name: (each["new"], each["author"], each["note"]) for name, each in first.items()} == dict.fromkeys(
        ("hello", "thanks"), (True, "Ann", "first words")
    )
    assert mailray("validate", campaign, "--json").json["fingerprint"] == fingerprint

    subject.write_text("Hello from {{ brand }}\n")
    diff = mailray("template", "diff", campaign, "hello").out.splitlines()
    assert diff[-2:] == ["-Welcome to {{ brand }}", "+Hello from {{ brand }}"]
    second = publish(mailray, campaign, "--author", "Bob")
    assert {name: each["new"] for name, each in second.items()} == {"hello": True, "thanks": False}
    old, new = (each["hello"]["version"] for each in (first, second))
    between = mailray("template", "diff", campaign, "hello", new[:8], old[:8], "--json").json["diff"]
    assert between.splitlines()[-2:] == ["-Hello from {{ brand }}", "+Welcome to {{ brand }}"]

    back = mailray("template", "rollback", campaign, "hello", old[:8], "--note", "too short", "--json").json
    assert (back["version"], back["written"], back["removed"], back["also"]) == (old, ["hello.subject.j2"], [], [])
    assert subject.read_text() == before
    listed = mailray("template", "list", campaign, "hello", "--json").json["versions"]
    assert [(each["version"], each["note"], each["rollback"], each["current"]) for each in listed] == [
        (old, "first words", False, False),
        (new, "", False, False),
        (old, "too short", True, True),
    ]
    assert [each["working"] for each in listed] == [True, False, True]
    shown = mailray("template", "show", campaign, "hello", new, "--json").json
    assert (shown["author"], shown["sources"]["hello.subject.j2"]) == ("Bob", "Hello from {{ brand }}\n")


def test_a_rollback_does_not_lose_what_is_not_published(mailray: Mailray, campaign: Path) -> None:
    version = publish(mailray, campaign)["hello"]["version"]
    subject, text = (campaign / "templates" / f"hello.{part}.j2" for part in ("subject", "txt"))
    published = subject.read_text()
    subject.write_text("Not published\n")
    text.write_text("Nor is this\n")
    refused = mailray("template", "rollback", campaign, "hello", version)
    assert (refused.code, refused.err.count("MR266")) == (77, 2)
    assert (subject.read_text(), text.read_text()) == ("Not published\n", "Nor is this\n")
    forced = mailray("template", "rollback", campaign, "hello", version, "--force", "--json").json
    assert (forced["written"], forced["removed"]) == (["hello.subject.j2"], ["hello.txt.j2"])
    assert (subject.read_text(), text.exists()) == (published, False)


def test_templates_that_share_a_file_are_told_and_keep_what_they_need(mailray: Mailray, campaign: Path) -> None:
    templates = campaign / "templates"
    foot, extra = templates / "foot.html.j2", templates / "extra.html.j2"
    foot.write_text("<p>one</p>")
    for name in ("hello", "thanks"):
        (templates / f"{name}.html.j2").write_text("{% include 'foot.html.j2' %}{{ first_name }}")
    version = publish(mailray, campaign)["hello"]["version"]
    extra.write_text("<p>more</p>")
    foot.write_text("<p>two</p>{% include 'extra.html.j2' %}")
    publish(mailray, campaign)
    back = mailray("template", "rollback", campaign, "hello", version)
    assert "thanks changed with it" in back.out
    assert foot.read_text() == "<p>one</p>"
    assert extra.exists(), "nothing refers to it now, so nothing is rolled back by removing it"


def test_a_template_that_is_not_valid_is_not_published(mailray: Mailray, campaign: Path) -> None:
    (campaign / "templates" / "hello.subject.j2").write_text("{% if %}")
    refused = mailray("template", "publish", campaign)
    assert (refused.code, "hello.subject.j2:1" in refused.err) == (65, True)
    assert mailray("template", "list", campaign, "--json").json["versions"] == []
    unknown = mailray("template", "show", campaign, "hello")
    assert (unknown.code, "MR262" in unknown.err) == (65, True)


def test_a_run_pins_its_templates(mailray: Mailray, campaign: Path) -> None:
    published = publish(mailray, campaign)
    (campaign / "templates" / "hello.subject.j2").write_text("Hello from {{ brand }}\n")
    assert mailray("run", campaign, "--runner", "inline", "--run-dir", "one").code == 0
    pinned = mailray("status", "one", "--json").json["templates"]
    assert pinned["thanks"]["version"] == published["thanks"]["version"]
    assert pinned["hello"]["version"] is None
    assert len({each["digest"] for each in pinned.values()}) == 2
