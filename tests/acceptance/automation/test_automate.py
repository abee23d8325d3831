"""What is wrong with what `mailray automate` is given is told in a line, and nothing is made of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.stores.owner_lock import OwnerLock
from jobs.cli import run_guarded

WORKFLOW = """
name: cart
type: abandoned_cart
audience: {source: "store:", key: user_id}
events: {left: {}}
trigger: {event: left}
workflow: [{id: offer, type: send_email, template: offer}]
delivery:
  transport: "rehearsal:"
  from: {address: news@example.com}
  unsubscribe: {url: https://example.com/u/}
  postal_address: Example, 1 Street, Town
  secret: file:secret.key
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def automate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Run:
    """The command in an empty folder: its exit code, and what it told on standard error."""
    for name in ("MAILRAY_STORE", "MAILRAY_QUEUE", "MAILRAY_TRANSPORT", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILRAY_RUNNER", "inline")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run_guarded(["automate", *arguments], debug=False)
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    folder = tmp_path / "cart"
    (folder / "templates").mkdir(parents=True)
    (folder / "campaign.yaml").write_text(WORKFLOW)
    (folder / "secret.key").write_text("not-a-secret-not-a-secret-not-a-secret")
    (folder / "templates" / "offer.subject.j2").write_text("an offer")
    (folder / "templates" / "offer.html.j2").write_text("<p>an offer</p>")
    return folder


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "campaign.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_wrong_with_folders_is_told_together_and_nothing_is_made(automate: Run, cart: Path) -> None:
    shutil.copytree(cart, cart.with_name("other"))
    change(cart.with_name("other"), "name: cart", "name: other")
    change(cart, "trigger: {event: left}\n", "")
    change(cart.with_name("other"), 'source: "store:"', "source: people.csv")
    (cart.with_name("other") / "people.csv").write_text("user_id,email\na,a@example.com\n")
    code, told = automate("cart", "other", "--drain")
    assert code == 78
    assert "error[MR888]: nothing begins an execution of `cart` (cart)" in told
    assert "error[MR889]: the people of `other` (other) are not those of the store" in told
    assert made(cart.parent) == ["cart", "other"]


def test_two_folders_of_one_workflow_and_a_folder_that_is_none(automate: Run, cart: Path) -> None:
    shutil.copytree(cart, cart.with_name("copy"))
    code, told = automate("cart", "copy", "--drain")
    assert (code, "error[MR886]: two of the folders hold the workflow `cart`" in told) == (2, True)
    code, told = automate("nowhere", "--drain")
    assert (code, told.startswith("error[MR"), "nowhere" in told) == (66, True, True)
    assert automate()[0] == 2
    assert made(cart.parent) == ["cart", "copy"]


def test_a_second_job_on_the_same_stores_is_refused(automate: Run, cart: Path) -> None:
    (cart.parent / ".mailray").mkdir()
    lock = OwnerLock.take(cart.parent / ".mailray" / "automation.lock")
    assert lock is not None
    code, told = automate("cart", "--drain")
    assert (code, "error[MR887]: an automation is at work on these stores already" in told) == (77, True)
    lock.drop()
    assert automate("cart", "--drain")[0] == 0
    assert automate("cart", "--drain")[0] == 0


def test_who_is_asked_and_says_no_finds_nothing_made(
    automate: Run, cart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def no(text: str, *, abort: bool) -> None:
        asked.append((text, abort))
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.confirm", no)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    code, _ = automate("cart", "--drain", "--transport", "smtp://relay.example.com")
    assert code == 130
    assert asked == [("Send what cart decide away from this machine?", True)]
    assert made(cart.parent) == ["cart"]
