"""`asset('logo.png')` in a template: an address with the hash of the file's content."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Mailray = Callable[..., Any]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ADDRESS = f"https://cdn.example.com/spring/img/logo.{hashlib.sha256(PIXEL).hexdigest()[:16]}.png"


@pytest.fixture
def illustrated(campaign: Path) -> Path:
    """The campaign with a picture in both templates."""
    (campaign / "assets" / "img").mkdir(parents=True)
    (campaign / "assets" / "img" / "logo.png").write_bytes(PIXEL)
    (campaign / "assets" / "unused.png").write_bytes(PIXEL)
    with (campaign / "campaign.yaml").open("a", encoding="utf-8") as file:
        file.write("assets: {folder: assets, prefix: https://cdn.example.com/spring/}\n")
    for name in ("hello", "thanks"):
        page = campaign / "templates" / f"{name}.html.j2"
        page.write_text(page.read_text().replace("<body", '<img src="{{ asset(\'img/logo.png\') }}" alt=""><body'))
    return campaign


def test_messages_point_to_the_content_and_the_run_keeps_it(
    mailray: Mailray, illustrated: Path, tmp_path: Path
) -> None:
    arguments = ("--runner", "inline", "--transport", f"file://{tmp_path}/mails", "--limit", "2")
    assert mailray("run", illustrated, *arguments, "--run-dir", "one").code == 0
    for path in (tmp_path / "mails").rglob("*.eml"):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert f'<img src="{ADDRESS}" alt="">' in message.get_body(("html",)).get_content()
    kept = tmp_path / "one" / "campaign" / "assets"
    assert [path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()] == ["img/logo.png"]
    assert mailray("resume", "one", "--runner", "inline").code == 0

    (illustrated / "assets" / "img" / "logo.png").write_bytes(PIXEL + b"\0")
    changed = mailray("resume", "one", "--runner", "inline")
    assert (changed.code, "templates/hello (changed)" in changed.err) == (77, True)
    shutil.rmtree(illustrated / "assets")
    assert mailray("report", "one").code == 0
    assert ADDRESS in (tmp_path / "one" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("written", "code", "place", "help"),
    [
        ("asset('img/logo.pgn')", "MR253", "hello.html.j2:2", "did you mean `img/logo.png`?"),
        ("asset(first_name)", "MR251", "hello.html.j2:2", "write it as asset('img/logo.png')"),
    ],
)
def test_an_asset_that_cannot_be_is_told_with_its_place(
    mailray: Mailray, illustrated: Path, written: str, code: str, place: str, help: str
) -> None:
    (illustrated / "templates" / "hello.html.j2").write_text(f'<p>\n<img src="{{{{ {written} }}}}"></p>')
    wrong = mailray("validate", illustrated, "--json")
    [fault] = wrong.json["errors"]
    assert (wrong.code, fault["code"], f"{fault['file']}:{fault['line']}", fault["help"]) == (65, code, place, help)


def test_assets_need_a_folder_of_the_campaigns_and_an_address(mailray: Mailray, illustrated: Path) -> None:
    text = (illustrated / "campaign.yaml").read_text(encoding="utf-8")
    (illustrated / "campaign.yaml").write_text(
        text.replace("folder: assets, prefix: https://", "folder: ../assets, prefix: http://"), encoding="utf-8"
    )
    wrong = mailray("validate", illustrated)
    assert (wrong.code, wrong.err.count("MR116")) == (78, 2)
    (illustrated / "campaign.yaml").write_text(text.replace("assets: {", "# "), encoding="utf-8")
    without = mailray("validate", illustrated)
    assert (without.code, "MR252" in without.err, "assets: {folder: assets" in without.err) == (65, True, True)
