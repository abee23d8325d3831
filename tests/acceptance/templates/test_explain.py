"""`mailray validate --explain`: what is vectorised, folded and rendered row by row, and what a message costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Mailray = Callable[..., Any]
PAGE = """\
<p>{{ brand }}: {{ first_name|title }}
{% for each in [1, [2]] recursive %}{{ each }}{% endfor %}
{{ orders * 2 }}</p>
<table>{{ orders }}<tr><td>x</td></tr></table>
"""


def test_each_part_is_explained_and_measured(mailray: Mailray, campaign: Path) -> None:
    (campaign / "templates" / "hello.html.j2").write_text(PAGE)
    told = mailray("validate", campaign, "--explain", "--json")
    assert told.code == 0
    assert [(each["code"], each["file"], each["line"]) for each in told.json["warnings"]] == [
        ("MR230", "hello.html.j2", 4)
    ]
    thanks, hello = told.json["templates"]
    subject, text, html = hello["parts"]
    counts = mailray("plan", campaign, "--runner", "inline", "--json").json["plan"]["templates"]
    sampled = {each["template"]: each["messages_sampled"] for each in (thanks, hello)}
    assert sampled == counts
    assert min(hello["microseconds"].values()) > 0
    assert (subject["made"], text["made"], html["made"]) == (False, True, False)
    assert subject["folded"] == {"hello.subject.j2": [1]}
    assert html["folded"] == {"hello.html.j2": [1]}
    assert html["vectorised"] == {"hello.html.j2": [1, 3, 4]}
    [fallback] = html["fallbacks"]
    assert (fallback["file"], fallback["line"], fallback["what"]) == ("hello.html.j2", 2, "for")
    assert [part["fallbacks"] for part in thanks["parts"]] == [[], [], []]


def test_it_is_a_table_for_people(mailray: Mailray, campaign: Path) -> None:
    (campaign / "templates" / "hello.html.j2").write_text(PAGE)
    told = mailray("validate", campaign, "--explain")
    assert told.code == 0
    assert "warning[MR230]" in told.err
    assert "hello.html.j2:2: for: recursive loops are not lowered" in told.out
    assert "µs of processor time a message" in told.out
    rows = [line.split() for line in told.out.splitlines()]
    assert ["html", "hello.html.j2", "1,", "3-4", "1"] in [row[:-1] for row in rows]


def test_nothing_is_measured_without_being_asked_and_no_secret_is_needed(mailray: Mailray, campaign: Path) -> None:
    (campaign / "secret.key").unlink()
    assert "templates" not in mailray("validate", campaign, "--json").json
    assert mailray("validate", campaign, "--explain").code == 0
