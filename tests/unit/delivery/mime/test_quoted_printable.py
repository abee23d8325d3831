"""Fragments of quoted-printable text: RFC 2045's rules, and that they join."""

from __future__ import annotations

import quopri

import pyarrow as pa
import pytest

from engine.delivery.mime.quoted_printable import encode_fragments, ending_in_return

SOFT = "=\r\n"


def fragment(text: str) -> str:
    return str(encode_fragments(pa.array([text])).to_pylist()[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain text", "plain text" + SOFT),
        ("a\tb ", "a\tb " + SOFT),
        ("a=b", "a=3Db" + SOFT),
        ("Zoë", "Zo=C3=AB" + SOFT),
        ("\0\x7f", "=00=7F" + SOFT),
        ("line\n", "line\r\n"),
        ("one\ntwo", "one\r\ntwo" + SOFT),
        ("one\r\ntwo\rthree", "one\r\ntwo\r\nthree" + SOFT),
        ("\n", "\r\n"),
        ("end \n", "end=20\r\n"),
        ("end\t\n", "end=09\r\n"),
        (".", "=2E" + SOFT),
        ("..", "=2E." + SOFT),
        ("a\n.b", "a\r\n=2Eb" + SOFT),
        ("From me", "=46rom me" + SOFT),
        ("Frome", "Frome" + SOFT),
        ("a\nFrom me\n", "a\r\n=46rom me\r\n"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert fragment(text) == expected


@pytest.mark.parametrize("length", [74, 75, 76, 77, 150, 151, 152, 1000])
@pytest.mark.parametrize("unit", ["x", ".", "=", "ü", "x=", "From ", "€.", " "])
@pytest.mark.parametrize("end", ["", "\n", " \n", ".\n", "ü"])
def test_lines_are_short_and_safe(unit: str, length: int, end: str) -> None:
    text = (unit * length)[:length] + end
    lines = fragment(text).split("\r\n")
    assert lines.pop() == ""
    assert all(len(line) <= 76 and not line.startswith((".", "From ")) for line in lines)
    assert not any(line.endswith((" ", "\t")) for line in lines)
    assert quopri.decodestring("\n".join([*lines, ""])).decode() == text


def test_fragments_of_one_column_do_not_touch() -> None:
    texts = ["a", "", "x" * 80, "b\n", "\n", "ü", ".", "c d", "\n\n", "x" * 76, "", "z"]
    together = encode_fragments(pa.array(texts)).to_pylist()
    assert together == [fragment(text) for text in texts]
    assert quopri.decodestring("".join(together).replace("\r\n", "\n")).decode() == "".join(texts)


def test_a_slice_is_encoded_as_itself() -> None:
    texts = pa.array(["ü", "a", ".", "b=", "\r"])
    assert encode_fragments(texts.slice(1, 3)).to_pylist() == encode_fragments(texts).to_pylist()[1:4]
    assert ending_in_return(texts.slice(4)).tolist() == [0]


def test_no_texts() -> None:
    assert encode_fragments(pa.array([], pa.string())).to_pylist() == []
    assert encode_fragments(pa.array(["", ""])).to_pylist() == ["", ""]


def test_where_a_carriage_return_ends_a_text() -> None:
    assert ending_in_return(pa.array(["a\r", "\r", "", "\rb", "a\r\n"])).tolist() == [0, 1]
