"""An offset in a condition finds its place in the file, whatever way YAML writes it."""

from __future__ import annotations

from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    FoldedScalarString,
    LiteralScalarString,
    PlainScalarString,
    SingleQuotedScalarString,
)

from engine.campaign.parse import parse_document

STYLES = (
    PlainScalarString,
    SingleQuotedScalarString,
    DoubleQuotedScalarString,
    LiteralScalarString,
    FoldedScalarString,
)
WORDS = st.lists(st.text("ab'\"\\é#:-", min_size=1, max_size=12), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(WORDS, st.sampled_from([" ", "\n", "  "]), st.sampled_from(STYLES), st.integers(20, 80))
def test_each_word_is_found(words: list[str], between: str, style: type[str], width: int) -> None:
    yaml = YAML()
    yaml.width = width
    stream = StringIO()
    yaml.dump({"before": 1, "list": [{"it": style(between.join(words))}], "after": 2}, stream)
    text = stream.getvalue()
    document = parse_document(text, "campaign.yaml")
    value = document.get(("list", 0, "it"), str)
    if value is None:
        return
    place = document.locate(("list", 0, "it"))
    lines = text.split("\n")
    for offset, character in enumerate(value):
        found = place(offset, 1)
        assert found.line is not None and found.column is not None
        if not character.isspace():
            written = lines[found.line - 1][found.column - 1]
            # A double-quoted scalar writes some characters as escapes, and an offset finds their backslash.
            assert written == character or (written == "\\" and text[text.index("it:") + 4] == '"')
