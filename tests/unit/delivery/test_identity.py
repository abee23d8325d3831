"""Names that derive from a delivery: the same each time, different for each, and not to be forged."""

from __future__ import annotations

import base64
import hmac

import pyarrow as pa
import pytest

from engine.delivery.identity import boundary, delivery_key_of, delivery_keys, message_ids, unsubscribe_tokens

SECRET = b"a secret of thirty-two bytes ....."


def keys(n: int) -> pa.FixedSizeBinaryArray:
    return delivery_keys("acme", "spring", ["offer"] * n, "2026-03-01", [str(i) for i in range(n)])


def test_a_key_is_the_digest_of_framed_fields() -> None:
    # Frozen: a change of this value would let a resumed run send everything again.
    assert keys(2).to_pylist()[1].hex() == "46da876bbd04649f223c315314b52eae"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c", "s", "o", "r"), ("a", "bc", "s", "o", "r")),
        (("a", "b", "s", "or", ""), ("a", "b", "s", "o", "r")),
        (("a", "b", "s", "o", "r"), ("a", "b", "t", "o", "r")),
        (("a", "", "s", "o", "r"), ("", "a", "s", "o", "r")),
    ],
)
def test_fields_do_not_run_into_each_other(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    def key(tenant: str, campaign: str, step: str, occurrence: str, recipient: str) -> bytes:
        return bytes(delivery_keys(tenant, campaign, [step], occurrence, [recipient]).to_pylist()[0])

    assert key(*one) != key(*other)


def test_steps_of_one_batch_keep_their_own_keys() -> None:
    mixed = delivery_keys("t", "c", ["a", "b", "a"], "o", ["1", "1", "2"]).to_pylist()
    assert mixed[0] == delivery_keys("t", "c", ["a"], "o", ["1"]).to_pylist()[0]
    assert mixed[1] == delivery_keys("t", "c", ["b"], "o", ["1"]).to_pylist()[0]
    assert len(set(mixed)) == 3


def test_a_message_id_is_an_hmac_in_base32() -> None:
    purpose = hmac.digest(SECRET, b"message-id", "sha256")
    expected = [
        base64.b32encode(hmac.digest(purpose, key, "sha256")[:20]).decode().lower() for key in keys(50).to_pylist()
    ]
    assert message_ids(SECRET, keys(50)).to_pylist() == expected


def test_a_slice_gives_what_the_whole_gives() -> None:
    whole, part = keys(10), keys(10).slice(3, 4)
    assert message_ids(SECRET, part).to_pylist() == message_ids(SECRET, whole).to_pylist()[3:7]
    assert unsubscribe_tokens(SECRET, part).to_pylist() == unsubscribe_tokens(SECRET, whole).to_pylist()[3:7]


def test_no_rows() -> None:
    assert len(keys(0)) == len(message_ids(SECRET, keys(0))) == len(unsubscribe_tokens(SECRET, keys(0))) == 0


def test_a_token_leads_back_to_its_delivery() -> None:
    made = unsubscribe_tokens(SECRET, keys(20)).to_pylist()
    assert [delivery_key_of(SECRET, token) for token in made] == keys(20).to_pylist()
    assert all(len(token) == 48 and token.isalnum() for token in made)


def test_every_changed_letter_is_refused() -> None:
    token = unsubscribe_tokens(SECRET, keys(1)).to_pylist()[0]
    for place, letter in enumerate(token):
        changed = token[:place] + ("b" if letter == "a" else "a") + token[place + 1 :]
        assert delivery_key_of(SECRET, changed) is None
    assert delivery_key_of(b"another secret", token) is None


@pytest.mark.parametrize("token", ["", "a", "a" * 47, "a" * 49, "ä" * 48, "1" * 48, "=" * 48, "a" * 47 + "\n"])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert delivery_key_of(SECRET, token) is None


def test_names_of_different_purposes_share_nothing() -> None:
    token = unsubscribe_tokens(SECRET, keys(1)).to_pylist()[0]
    assert message_ids(SECRET, keys(1)).to_pylist()[0][:20] not in token


def test_a_boundary_belongs_to_a_campaign() -> None:
    assert boundary(SECRET, "spring") == boundary(SECRET, "spring") != boundary(SECRET, "autumn")
    assert boundary(SECRET, "spring").startswith("=_")
    assert len(boundary(SECRET, "spring")) == 36
