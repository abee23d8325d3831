"""Mark, never drop: each row gets one verdict, and the first reason that applies is the one that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.audience import addresses

Mask = npt.NDArray[np.bool_]


class Verdict(IntEnum):
    """Why a recipient is mailed or not, in the order in which the reasons are looked for."""

    MISSING_ADDRESS = 0
    INVALID_ADDRESS = 1
    DUPLICATE = 2
    SUPPRESSED = 3
    NOT_SUBSCRIBED = 4
    HELD_OUT = 5
    ELIGIBLE = 6

    @property
    def label(self) -> str:
        return self.name.lower()


LABELS = [verdict.label for verdict in Verdict]


@dataclass(frozen=True, slots=True)
class Marks:
    """What is known of a block's n rows beforehand, from the whole audience and the store: boolean masks of length n."""

    duplicate: Mask
    suppressed: Mask


def judge(
    email: pa.StringArray, marks: Marks, subscribed: pa.BooleanArray | None, held_out: Mask
) -> npt.NDArray[np.int8]:
    """The verdict of each row as int8. ``subscribed`` None means that the audience has no such column; a null in it is no."""
    absent = addresses.missing(email)
    reasons: Sequence[tuple[Verdict, Mask]] = (
        (Verdict.MISSING_ADDRESS, absent),
        (Verdict.INVALID_ADDRESS, ~absent & ~addresses.valid(email)),
        (Verdict.DUPLICATE, marks.duplicate),
        (Verdict.SUPPRESSED, marks.suppressed),
        (Verdict.NOT_SUBSCRIBED, _not_subscribed(subscribed, len(email))),
        (Verdict.HELD_OUT, held_out),
    )
    return np.select(
        [mask for _, mask in reasons], [np.int8(verdict) for verdict, _ in reasons], np.int8(Verdict.ELIGIBLE)
    )


def _not_subscribed(subscribed: pa.BooleanArray | None, rows: int) -> Mask:
    if subscribed is None:
        return np.zeros(rows, dtype=np.bool_)
    return ~np.asarray(subscribed.fill_null(False).to_numpy(zero_copy_only=False), dtype=np.bool_)
