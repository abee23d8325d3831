"""Each test that the page of faults names is there."""

import re
from pathlib import Path

import engine

ROOT = Path(engine.__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def test_the_tests_that_the_page_names_are_there() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", PAGE)
    assert len(named) > 40
    missing = {(path, test) for path, test in named if f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")}
    assert missing == set()


def test_each_invariant_and_each_fault_has_one() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "shown by" not in line]
    assert all("::test_" in row for row in rows)
    assert re.findall(r"^\| I(\d+) ", PAGE, re.MULTILINE) == [str(number) for number in range(1, 15)]
