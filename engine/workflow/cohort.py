"""What a step is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cohort:
    """The n rows of a batch, of which those in ``here`` (boolean, length n) stand at a step."""

    batch: pa.RecordBatch
    here: Mask


@dataclass(frozen=True, slots=True)
class Send:
    """The effect of a send_email step: the rows in ``rows`` (boolean, length n) get ``template``."""

    step: str
    template: str
    rows: Mask


@dataclass(frozen=True, slots=True)
class Advance:
    """Where each row of a cohort goes (disjoint masks that together are ``here``), what is written, what is to be done."""

    routes: Mapping[str, Mask]
    columns: Mapping[str, pa.Array] = field(default_factory=dict)
    sends: tuple[Send, ...] = ()


class StepProgram(Protocol):
    """A step, compiled for an audience's schema."""

    def advance(self, cohort: Cohort) -> Advance:
        """Move the cohort on. Pure: the same cohort gives the same answer."""
