from __future__ import annotations

import numpy as np
import pytest
from email_validator import EmailNotValidError, validate_email

from examples.customers.addresses import BREAKAGES, DOMAINS, addresses, persons
from examples.customers.draws import Draws
from examples.customers.names import FIRST_NAMES, LAST_NAMES, local_part

DRAWS = Draws(3)
ROWS = np.arange(60_000, dtype=np.uint64)


def is_valid(address: str | None) -> bool:
    try:
        validate_email(address or "", check_deliverability=False)
    except EmailNotValidError as fault:
        return "special-use or reserved" in str(fault)  # all of these are under example.com
    return True


@pytest.fixture(scope="module")
def person() -> np.ndarray:
    return persons(DRAWS, ROWS)


@pytest.fixture(scope="module")
def emails(person: np.ndarray) -> list[str | None]:
    return addresses(DRAWS, ROWS, person).to_pylist()


@pytest.mark.parametrize("name", [*FIRST_NAMES, *LAST_NAMES])
def test_every_name_has_a_local_part(name: str) -> None:
    assert is_valid(f"{local_part(name)}@example.com")


@pytest.mark.parametrize("breakage", BREAKAGES)
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("local", ["mary.jones12+shop", "o'brien7"])
def test_a_broken_address_is_broken(breakage: object, local: str, domain: str) -> None:
    assert callable(breakage)
    assert not is_valid(breakage(local, domain))


def test_one_in_200_is_invalid(emails: list[str | None]) -> None:
    invalid = sum(not is_valid(email) for email in emails[::7])
    assert 20 < invalid < 70  # one in 200 of 8,572


def test_each_way_of_breaking_occurs(emails: list[str | None]) -> None:
    assert None in emails
    assert "" in emails
    text = [email for email in emails if email]
    assert any("@" not in email for email in text)
    assert any(email.count("@") == 2 for email in text)
    assert any(" " in email for email in text)
    assert any(email.endswith(".") for email in text)


def test_duplicates_repeat_an_address_seen_before(person: np.ndarray, emails: list[str | None]) -> None:
    repeated = np.flatnonzero(person != ROWS)
    assert 70 < len(repeated) < 170  # one in 500 of 60,000
    assert (person <= ROWS).all()
    for row in repeated:
        earlier, later = emails[person[row]], emails[row]
        assert earlier and later
        assert is_valid(earlier)
        assert earlier.lower() == later.lower()
    assert any(emails[person[row]] != emails[row] for row in repeated)


def test_addresses_are_otherwise_unique(person: np.ndarray, emails: list[str | None]) -> None:
    own = [email for email, who, row in zip(emails, person, ROWS, strict=True) if who == row and is_valid(email)]
    assert len({email.lower() for email in own if email}) == len(own)


def test_a_slice_gives_the_same_addresses(emails: list[str | None]) -> None:
    rows = ROWS[40_000:41_000]
    assert addresses(DRAWS, rows, persons(DRAWS, rows)).to_pylist() == emails[40_000:41_000]
