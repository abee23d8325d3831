"""A run's folder: made once, held by one, and its records whole."""

import json
from pathlib import Path

import pytest

from engine.adapters.stores.run_folder import RunFolder
from engine.errors import CannotCreateError, InputError, MissingInputError, RefusedError


def test_a_folder_that_holds_a_run_is_not_taken(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "one")
    run.create()
    run.write_json("manifest.json", {"format": 1})
    with pytest.raises(CannotCreateError, match="MR501"):
        RunFolder(tmp_path / "one").create()
    assert run.read_json("manifest.json") == {"format": 1}


def test_an_empty_folder_may_be_taken_and_a_file_may_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty").create()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CannotCreateError):
            RunFolder(path).create()


def test_records_are_replaced_whole(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for number in range(3):
        run.write_json("summary.json", {"number": number})
    assert json.loads((tmp_path / "summary.json").read_text()) == {"number": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_what_is_no_run_damaged_or_newer_is_told(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with pytest.raises(MissingInputError, match="MR503"):
        run.read_json("manifest.json")
    (tmp_path / "manifest.json").write_text('{"format": 1')
    with pytest.raises(MissingInputError, match="MR503"):
        RunFolder(tmp_path / "manifest.json").read_json("manifest.json")
    with pytest.raises(InputError, match="MR504"):
        run.read_json("manifest.json")
    for other in ("[]", '{"name": "a web application"}', '{"format": "1"}'):
        (tmp_path / "manifest.json").write_text(other)
        with pytest.raises(MissingInputError, match="MR503"):
            run.read_json("manifest.json")
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="MR505"):
        run.read_json("manifest.json")


def test_a_run_is_held_by_one(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert not run.locked_by_somebody()
    with run.locked():
        assert run.locked_by_somebody()
        with pytest.raises(RefusedError, match="MR506"), RunFolder(tmp_path).locked():
            pass
    with run.locked():
        pass


def test_lines_are_appended_and_read(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.read_lines("decisions.jsonl") == []
    for number in range(3):
        run.append_line("decisions.jsonl", {"number": number})
    assert run.read_lines("decisions.jsonl") == [{"number": 0}, {"number": 1}, {"number": 2}]
