"""Header values: plain or encoded as a whole, folded where they may be."""

from __future__ import annotations

import base64

import pyarrow as pa
import pytest

from engine.delivery.mime.columns import HeaderError
from engine.delivery.mime.headers import encoded_words, mailboxes, phrase, subject, subjects


def test_a_plain_subject_stays_as_it_is() -> None:
    assert subject("Anna, 3 items = left?") == "Anna, 3 items = left?"


def test_a_long_subject_is_folded_at_its_own_spaces() -> None:
    value = "word " * 30 + "end"
    lines = f"Subject: {subject(value)}".split("\r\n")
    assert len(lines) == 3
    assert all(len(line) <= 76 for line in lines)
    assert "".join(lines) == f"Subject: {value}"


def test_a_line_of_spaces_alone_is_never_made() -> None:
    lines = subject("a" * 60 + " " * 100 + "b").split("\r\n")
    assert all(line.strip(" ") for line in lines)


def test_a_word_that_cannot_be_folded_keeps_its_line() -> None:
    assert subject("x" * 200 + " y") == "x" * 200 + "\r\n y"


@pytest.mark.parametrize("value", [" edge", "edge ", " ", "=?utf-8?q?fake?=", "x" * 1000, "Zoë", "y " * 20 + "x" * 990])
def test_what_a_reader_would_change_is_encoded(value: str) -> None:
    assert subject(value).startswith("=?utf-8?b?")


@pytest.mark.parametrize("value", ["ü" * 300, "👩‍👩‍👧‍👦" * 40, "a€" * 100, "x" * 5000])
@pytest.mark.parametrize("taken", [4, 9, 10])
def test_encoded_words_are_short_whole_and_apart(value: str, taken: int) -> None:
    words = encoded_words(value, taken).split("\r\n ")
    assert len(words[0]) + taken <= 76
    assert all(len(word) <= 75 for word in words)
    decoded = [base64.b64decode(word.removeprefix("=?utf-8?b?").removesuffix("?=")).decode() for word in words]
    assert "".join(decoded) == value


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ann", '"Ann"'),
        ('Ann "Nan" O\\', '"Ann \\"Nan\\" O\\\\"'),
        ("a, b <c@example.com>", '"a, b <c@example.com>"'),
        ("=?x?=", "=?utf-8?b?PT94Pz0=?="),
        ("Zoë", "=?utf-8?b?Wm/Dqw==?="),
        ("word " * 20 + "end", '"' + "word " * 13 + "word\r\n" + " word" * 6 + ' end"'),
    ],
)
def test_phrases(name: str, expected: str) -> None:
    assert phrase(name, len("To: ")) == expected


@pytest.mark.parametrize("character", ["\0", "\t", "\r", "\n", "\x1f", "\x7f", "\x85", "\u2028", "\u2029"])
def test_control_characters_are_refused(character: str) -> None:
    with pytest.raises(HeaderError, match="control character"):
        subject(f"a{character}b")
    with pytest.raises(HeaderError, match="control character"):
        phrase(f"{character}b", 4)


def test_subjects_are_subject_in_columns() -> None:
    values = ["", "plain", "Zoë", " a", "a ", "x y " * 40, "a=b", "=?x?=", "Zoë", "x" * 67, "x" * 68]
    encoded, faults = subjects(pa.array([*values, "a\nb", "c\nd", "a\nb"]))
    assert encoded.to_pylist()[: len(values)] == [subject(value) for value in values]
    assert faults.keys() == {11, 12, 13}


def test_mailboxes() -> None:
    long_address = "y" * 60 + "@example.com"
    names = ["Ann", None, "", "  ", " Ann ", "Zoë", "x" * 60, "a\nb", "ü" * 40]
    values, faults = mailboxes("To: ", pa.array(names), pa.array(["a@example.com"] * 6 + [long_address] * 3))
    assert values.to_pylist()[:7] == [
        '"Ann" <a@example.com>',
        "a@example.com",
        "a@example.com",
        "a@example.com",
        '"Ann" <a@example.com>',
        "=?utf-8?b?Wm/Dqw==?= <a@example.com>",
        f'"{"x" * 60}"\r\n <{long_address}>',
    ]
    assert faults == {7: "holds a control character or a line end"}
    assert all(len(line) <= 76 for line in f"To: {values.to_pylist()[8]}".split("\r\n"))
