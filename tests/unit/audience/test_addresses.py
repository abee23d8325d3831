import numpy as np
import pyarrow as pa
import pytest

from engine.audience import addresses

VALID = [
    "ann@example.com",
    "a.b+c_d-e@mail.example.co.uk",
    "  padded@example.org ",
    "o'neil@example.com",
    "jörg@example.com",
]
INVALID = [
    "ann",
    "ann@",
    "@example.com",
    "a..b@example.com",
    ".a@example.com",
    "a b@example.com",
    '"a b"@example.com',
    "a@b@example.com",
    "a@-example.com",
    "a@example",
    "a@example.com\r\nBcc: x@example.org",
    "x" * 65 + "@example.com",
    "a@" + "b" * 250 + ".com",
]


@pytest.mark.parametrize("address", VALID)
def test_valid_syntax_is_accepted(address: str) -> None:
    assert addresses.valid(pa.array([address])).tolist() == [True]


@pytest.mark.parametrize("address", INVALID)
def test_invalid_syntax_is_refused(address: str) -> None:
    assert addresses.valid(pa.array([address])).tolist() == [False]


def test_a_column_is_judged_like_each_of_its_rows() -> None:
    column = [*VALID, None, *INVALID, "", *VALID[::-1]]
    alone = [bool(addresses.valid(pa.array([each], pa.string()))[0]) for each in column]
    assert addresses.valid(pa.array(column)).tolist() == alone


def test_missing_is_null_or_blank() -> None:
    assert addresses.missing(pa.array([None, "", " \t", "x"])).tolist() == [True, True, True, False]


def test_normal_form_ignores_case_and_outer_space() -> None:
    assert addresses.normalise(pa.array([" Ann@Example.COM ", None])).to_pylist() == ["ann@example.com", None]


def test_a_slice_of_a_column_is_judged_by_its_own_rows() -> None:
    column = pa.array([*INVALID, *VALID])
    assert np.all(addresses.valid(column.slice(len(INVALID))))
