"""The wall clock, for whatever is given one."""

from __future__ import annotations

import time


def wall() -> int:
    """The present as UTC microseconds."""
    return time.time_ns() // 1_000
