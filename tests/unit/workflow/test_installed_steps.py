from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.assembly.steps import installed_steps
from engine.errors import CampaignError, UsageError


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, entries: str, module: str) -> None:
    """A package as pip leaves it."""
    metadata = folder / "postcards-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: postcards\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[mailray.steps]\n{entries}\n")
    (folder / "postcards.py").write_text(module)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "postcards", raising=False)


def test_what_a_package_installs_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "postcard" not in installed_steps()
    install(tmp_path, monkeypatch, "postcard = postcards:make", "def make(given, scope):\n    return given\n")
    assert installed_steps()["postcard"]({"size": "A5"}, None) == {"size": "A5"}  # type: ignore[arg-type, comparison-overlap]


def test_a_step_that_cannot_be_loaded_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "postcard = postcards:make\nletter = postcards:no", "def make(given, scope): ...\n")
    with pytest.raises(UsageError) as caught:
        installed_steps()
    assert [(each.code, "`letter`" in each.message) for each in caught.value.diagnostics] == [("MR186", True)]


def test_a_step_that_is_not_installed_is_told(story: object) -> None:
    with pytest.raises(CampaignError) as caught:
        story([{"id": "card", "type": "generic", "uses": "postcard"}])  # type: ignore[operator]
    assert caught.value.diagnostics[0].code == "MR138"
