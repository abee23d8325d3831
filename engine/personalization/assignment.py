"""Assignment by keyed hash, never by a random draw: the same recipient gets the same answer in any split of the audience."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def uniform(keys: Iterable[str], *purpose: str) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each key, uniform over keys and independent between purposes (campaign, experiment, salt).

    BLAKE2b (RFC 7693), 64 bits of it, keyed by the purposes, of which each is preceded by its length so that no two can run together.
    """
    key = hashlib.blake2b("".join(f"{len(part)}:{part}" for part in purpose).encode(), digest_size=32).digest()
    digests = b"".join(hashlib.blake2b(each.encode(), key=key, digest_size=8).digest() for each in keys)
    return np.asarray((np.frombuffer(digests, dtype="<u8") >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def held_out(keys: Iterable[str], campaign: str, salt: str, percent: float) -> npt.NDArray[np.bool_]:
    """Who belongs to the holdout of ``percent`` per cent."""
    return uniform(keys, "holdout", campaign, salt) < percent / 100
