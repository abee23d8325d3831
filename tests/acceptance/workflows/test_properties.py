"""What begins an execution tells properties: checked when the folder is read, shown without a person who told any."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.cli import run_guarded

CAMPAIGN = """
name: reset
type: behavioral_trigger
class: transactional
audience: {source: ../people.csv, key: id}
BEGINNING
workflow:
  - {id: tell, type: send_email, template: hello}
delivery: {from: {address: shop@example.com}, secret: file:secret}
"""
DECLARED = [
    "trigger: {api: true, properties: {code: text, total: number}, when: event.total > 1}",
    "events: {asked: {code: text, total: number}}\ntrigger: {event: asked, when: event.total > 1}",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text("id,email\nann,ann@example.com\n", encoding="utf-8")
    (tmp_path / "w" / "templates").mkdir(parents=True)
    (tmp_path / "w" / "secret").write_text("0123456789abcdef0123456789abcdef", encoding="utf-8")
    (tmp_path / "w" / "templates" / "hello.subject.j2").write_text("Hello", encoding="utf-8")
    (tmp_path / "w" / "templates" / "hello.html.j2").write_text("<p>Code {{ event.code }}.</p>", encoding="utf-8")
    return tmp_path / "w"


@pytest.mark.parametrize("beginning", DECLARED)
def test_calls_and_events_are_read_by_the_same_names(
    beginning: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def done(text: str, *arguments: str | Path) -> tuple[int, str]:
        (folder / "campaign.yaml").write_text(CAMPAIGN.replace("BEGINNING", text), encoding="utf-8")
        code = run_guarded([str(each) for each in arguments], debug=False)
        return code, capsys.readouterr().err

    assert done(beginning, "validate", folder) == (0, "")
    assert done(beginning, "preview", folder, "--recipient", "ann", "--to", tmp_path / "out") == (0, "")
    assert (tmp_path / "out" / "ann-tell.html").read_text(encoding="utf-8").strip() == "<p>Code None.</p>"
    code, told = done(beginning.replace("event.total", "event.totl"), "validate", folder)
    assert code and "MR201" in told and "did you mean `total`?" in told
    code, told = done("trigger: {api: true}", "validate", folder)
    assert code and "MR311" in told and "hello.html.j2:1:12" in told
