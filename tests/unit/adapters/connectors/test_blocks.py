"""Where text may be cut."""

from __future__ import annotations

import pytest

from engine.adapters.connectors import blocks as module
from engine.adapters.connectors.blocks import Block, blocks
from engine.errors import InputError


def cut(text: bytes, size: int, quoted: bool) -> list[Block]:
    return list(blocks((text[at : at + size] for at in range(0, len(text), size)), "a file", quoted))


@pytest.mark.parametrize("size", range(1, 30))
def test_nothing_is_lost_and_no_record_is_cut(size: int) -> None:
    records = [b'a,"b\n""c""\n",d\n', b"\n", b"e,f\r\n", b'"\n"\n', b"g"]
    found = cut(b"".join(records), size, quoted=True)
    assert b"".join(each.content for each in found) == b"".join(records)
    ends = {len(b"".join(records[: number + 1])) for number in range(len(records))}
    lengths = [sum(len(each.content) for each in found[: number + 1]) for number in range(len(found))]
    assert {*lengths} <= ends
    for number, each in enumerate(found):
        assert each.line == 1 + b"".join(other.content for other in found[:number]).count(b"\n")


def test_quotes_mean_nothing_in_other_text() -> None:
    assert cut(b'"a\n"b\n', 3, quoted=False) == [Block(1, b'"a\n'), Block(2, b'"b\n')]


def test_a_mark_of_the_byte_order_is_no_text() -> None:
    assert cut(b"\xef\xbb\xbfa\n", 99, quoted=True) == [Block(1, b"a\n")]


def test_a_quote_that_never_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_RECORD", 100)
    for text in (b"a\nb\n" + b'"c\n' + b"d\n" * 60, b'a\nb\n"c\n'):
        with pytest.raises(InputError) as fault:
            cut(text, 10, quoted=True)
        assert (fault.value.diagnostics[0].code, str(fault.value.diagnostics[0].place)) == ("MR784", "a file:3")
    with pytest.raises(InputError, match="MR784"):
        cut(b"x" * 200, 10, quoted=False)
