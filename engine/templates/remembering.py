"""What is known of distinct inputs from one batch to the next: their results as one array, found again without making a Python object."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MOST_KNOWN = 30_000
MOST_BYTES = 16 << 20  # of inputs and texts together
ENOUGH_ASKED = 40_000  # inputs over all batches, before which nothing is concluded
WORTH_KNOWING = 0.6  # share of inputs that are new, above which remembering does not pay


class Known:
    """A table of inputs and their texts. ``safe``: the texts are Markup. ``lost`` says which inputs raise."""

    def __init__(self) -> None:
        self.keys: pa.Array | None = None
        self.texts: pa.StringArray = pa.array([], pa.string())
        self.lost: npt.NDArray[np.bool_] = np.zeros(0, bool)
        self.safe = False
        self.useless = False
        self.asked = 0
        self.fresh = 0
        self.derived: dict[Hashable, Any] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of inputs and texts."""
        return int(self.texts.nbytes) + (0 if self.keys is None else int(self.keys.nbytes))

    def find(self, keys: pa.Array, compute: Callable[[pa.Array], tuple[list[Any], npt.NDArray[np.bool_]]]) -> Any:
        """Each key's row in the table, new ones computed and added; None where the results are not all texts of one kind."""
        self.asked += len(keys)
        if len(self.texts) > MOST_KNOWN or self.nbytes > MOST_BYTES:
            self._forget()
        found = pc.index_in(keys, value_set=self.keys) if self.keys is not None else pa.nulls(len(keys), pa.int32())
        if found.null_count == 0:
            return found.to_numpy(zero_copy_only=False)
        missing = found.is_null()
        fresh = keys.filter(missing)
        distinct = fresh.unique()
        self.fresh += len(distinct)
        if self.asked >= ENOUGH_ASKED and self.fresh > WORTH_KNOWING * self.asked:
            self._forget()
            self.useless = True
            return None
        start = len(self.texts)
        if not self._add(distinct, *compute(distinct)):
            self.useless = True
            return None
        rows = pc.fill_null(found, 0).to_numpy(zero_copy_only=False).copy()
        rows[missing.to_numpy(zero_copy_only=False)] = start + pc.index_in(fresh, value_set=distinct).to_numpy(
            zero_copy_only=False
        )
        return rows.astype(np.int32, copy=False)

    def _forget(self) -> None:
        self.keys = None
        self.texts = pa.array([], pa.string())
        self.lost = np.zeros(0, bool)
        self.derived = {}

    def _add(self, keys: pa.Array, results: list[Any], lost: npt.NDArray[np.bool_]) -> bool:
        kinds = {type(each) for each, gone in zip(results, lost.tolist(), strict=True) if not gone}
        if len(kinds) > 1 or not all(issubclass(kind, str) for kind in kinds):
            return False
        safe = any(hasattr(kind, "__html__") for kind in kinds)
        if (len(self.texts) and safe != self.safe and kinds) or (
            kinds and kinds.pop().__name__ not in ("str", "Markup")
        ):
            return False
        try:
            texts = pa.array(
                ["" if gone else each for each, gone in zip(results, lost.tolist(), strict=True)], pa.string()
            )
        except UnicodeEncodeError:
            return False
        self.safe = safe or (self.safe and len(self.texts) > 0)
        self.keys = keys if self.keys is None else pa.concat_arrays([self.keys, keys])
        self.texts = pa.concat_arrays([self.texts, texts])
        self.lost = np.concatenate([self.lost, lost])
        self.derived = {}
        return True
