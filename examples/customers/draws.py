"""Draws that depend on a row's number alone.

A row's draw is a hash of (seed, stream name, row number), so any slice of an audience can be made by itself, in any
order and in chunks of any size, and is the same on every release of numpy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = (np.uint64(shift) for shift in (27, 30, 31, 11))


@dataclass(frozen=True)
class Draws:
    seed: int

    def uniform(self, stream: str, rows: Rows) -> Floats:
        """Numbers in [0, 1), one a row: the output function of SplitMix64 (Steele, Lea, Flood 2014)."""
        z = (rows + self._offset(stream)) * _GOLDEN
        z = (z ^ (z >> _S30)) * _MIX_1
        z = (z ^ (z >> _S27)) * _MIX_2
        return ((z ^ (z >> _S31)) >> _S11).astype(np.float64) * 2.0**-53

    def below(self, stream: str, rows: Rows, bound: int | Index) -> Index:
        """Whole numbers in [0, bound)."""
        return (self.uniform(stream, rows) * bound).astype(np.int64)

    def weighted(self, stream: str, rows: Rows, weights: tuple[int, ...]) -> Index:
        """Positions in `weights`, each as often as its weight."""
        edges = np.cumsum(weights)
        position: Index = np.searchsorted(edges, self.uniform(stream, rows) * edges[-1], side="right").astype(np.int64)
        return position

    def _offset(self, stream: str) -> np.uint64:
        digest = hashlib.blake2b(f"{self.seed}/{stream}".encode(), digest_size=8).digest()
        return np.uint64(int.from_bytes(digest, "little"))
