"""How long what is cached may be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt

SECOND = 1_000_000
SHORTEST = 0.9  # of a lifetime: what was loaded together does not expire together


@dataclass(frozen=True, slots=True)
class Policy:
    """Microseconds. A value is fresh for nine to ten tenths of ``ttl``, which tenth is its key's; for ``stale`` after that it is still
    given while it is loaded anew. That somebody is not there is believed for ``absent``, and never longer."""

    ttl: int = 300 * SECOND
    absent: int = 30 * SECOND
    stale: int = 30 * SECOND

    def fresh_until(self, keys: Sequence[str], now: int, lifetime: int) -> npt.NDArray[np.int64]:
        """When values of these keys that were asked for at ``now`` are no longer fresh."""
        return now + (lifetime * (SHORTEST + (1 - SHORTEST) * _uniform(keys))).astype(np.int64)


def _uniform(keys: Sequence[str]) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each key, the same on every node."""
    return np.fromiter((crc32(each.encode()) for each in keys), np.float64, len(keys)) * 2.0**-32
