"""Reading the file: what is not there, not text, or made to exhaust the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.campaign.load import load_campaign
from engine.errors import CampaignError, Diagnostic, FileAccessError, MissingInputError

Faults = Callable[[str], tuple[Diagnostic, ...]]


def test_a_campaign_comes_with_its_text_its_places_and_its_templates(
    write: Callable[[str], Path], valid: str, tmp_path: Path
) -> None:
    loaded = load_campaign(write(valid))
    assert loaded.campaign.name == "spring"
    assert loaded.text == valid
    assert loaded.templates == {
        "thanks": tmp_path / "templates" / "thanks",
        "series/hello": tmp_path / "templates" / "series" / "hello",
    }
    place = loaded.document.locate(("audience", "where"))(4, 2)
    assert (place.line, place.column, place.width) == (7, 14, 2)
    assert str(place) == f"{tmp_path / 'campaign.yaml'}:7:14"


def test_windows_lines_and_a_byte_order_mark_are_read(write: Callable[[str], Path], valid: str, tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_bytes(b"\xef\xbb\xbf" + valid.replace("\n", "\r\n").encode())
    assert load_campaign(tmp_path).text == valid


def test_words_that_older_yaml_took_for_truth_values_are_text(write: Callable[[str], Path], valid: str) -> None:
    loaded = load_campaign(write(valid + "variables: {country: NO, on: yes, price: 1_000}\n"))
    assert loaded.campaign.variables == {"country": "NO", "on": "yes", "price": 1000}


def test_no_campaign(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as caught:
        load_campaign(tmp_path / "nowhere")
    assert caught.value.diagnostics[0].code == "MR100"
    assert caught.value.exit_code == 66


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").mkdir()
    with pytest.raises(FileAccessError) as caught:
        load_campaign(tmp_path)
    assert caught.value.diagnostics[0].code == "MR101"
    assert caught.value.exit_code == 74


def test_a_large_file(faults: Faults, valid: str) -> None:
    (fault,) = faults(valid + "# " + "x" * 1_000_000)
    assert fault.code == "MR102"


@pytest.mark.parametrize("content", [b"name: \xff", "name: spring".encode("utf-16")])
def test_no_utf_8(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "campaign.yaml").write_bytes(content)
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    assert caught.value.diagnostics[0].code == "MR109"
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "- a\n- b\n", "spring\n", "null\n"])
def test_no_mapping(faults: Faults, text: str) -> None:
    (fault,) = faults(text)
    assert fault.code == "MR108"
    assert fault.place is not None and fault.place.line == 1


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (LAUGHS, "MR105"),
        ("a: &a [*a]\n", "MR105"),
        ("a: &a x\nb: [" + "*a, " * 101 + "]\n", "MR105"),
        ("a: " + "[" * 5000, "MR106"),
        ("a: " + "{b: " * 5000, "MR106"),
    ],
)
def test_bombs_are_refused_before_they_cost_anything(faults: Faults, text: str, code: str) -> None:
    before = time.process_time()
    (fault,) = faults(text)
    assert fault.code == code
    assert time.process_time() - before < 30  # without limits this would not come back at all


def test_aliases_within_the_limits_are_read(write: Callable[[str], Path], valid: str) -> None:
    loaded = load_campaign(write(valid + "variables: {a: &a {b: 1}, c: *a, d: &a 2, e: *a}\n"))
    assert loaded.campaign.variables == {"a": {"b": 1}, "c": {"b": 1}, "d": 2, "e": 2}


def test_a_terminal_obeys_nothing_in_a_fault(faults: Faults, valid: str) -> None:
    (fault,) = faults(valid.replace("  key: id", '  key: id\n  "\\e[2Jx": 1'))
    assert fault.code == "MR111"
    assert "\x1b" not in str(fault)
