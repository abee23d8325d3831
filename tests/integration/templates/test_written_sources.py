"""Template files that are written and removed stay below their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.adapters.stores.template_files import read_sources, remove_sources, write_sources
from engine.errors import FileAccessError, InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    return tmp_path / "templates"


def test_what_is_written_is_read_again_and_removed(folder: Path) -> None:
    sources = {"a.html.j2": "<p>Grüße</p>\n", "shared/foot.html.j2": ""}
    write_sources(folder, sources)
    write_sources(folder, {"a.html.j2": "<p>new</p>"})
    assert read_sources(folder) == {**sources, "a.html.j2": "<p>new</p>"}
    remove_sources(folder, ["a.html.j2"])
    assert sorted(path.name for path in folder.rglob("*")) == ["foot.html.j2", "shared"]


@pytest.mark.parametrize("name", ["../out.j2", "/tmp/out.j2", "a/../../out.j2", "..", "a\nb.j2"])
def test_a_name_that_leads_out_is_refused_before_anything_is_written(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="MR233"):
        write_sources(folder, {"a.html.j2": "x", name: "x"})
    with pytest.raises(InputError, match="MR233"):
        remove_sources(folder, [name])
    assert list(folder.iterdir()) == []


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.j2").write_text("kept")
    (folder / "shared").symlink_to(tmp_path / "other")
    with pytest.raises(InputError, match="MR234"):
        write_sources(folder, {"shared/a.j2": "lost"})
    with pytest.raises(InputError, match="MR234"):
        remove_sources(folder, ["shared/a.j2"])
    assert (tmp_path / "other" / "a.j2").read_text() == "kept"


def test_what_cannot_be_written_is_told(folder: Path) -> None:
    (folder / "a").write_text("a file, not a folder")
    with pytest.raises(FileAccessError, match="MR267"):
        write_sources(folder, {"a/b.j2": "x"})
