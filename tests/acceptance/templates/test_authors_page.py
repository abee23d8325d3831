"""docs/templates.md shows what filters really print."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

import engine.errors
from engine.templates import compile_template
from engine.templates.filters import FILTERS

PAGE = (Path(engine.errors.__file__).parents[1] / "docs" / "templates.md").read_text(encoding="utf-8")
ROWS = [
    (shown.replace("\\|", "|"), printed) for shown, printed in re.findall(r"^\| `(\{\{.*)` \| (.*) \|$", PAGE, re.M)
]


@pytest.mark.parametrize(("shown", "printed"), ROWS)
def test_an_example_prints_what_the_page_says(shown: str, printed: str) -> None:
    rendering = compile_template(shown).render(pa.record_batch({"row": [0]}))
    [text] = rendering.text.to_pylist()
    assert text.replace("\xa0", " ").replace("&amp;", "&") == printed


def test_each_filter_has_an_example() -> None:
    assert {name for shown, _ in ROWS for name in re.findall(r"\|(\w+)", shown)} == {each.__name__ for each in FILTERS}
