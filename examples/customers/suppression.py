"""The example's suppression list: who must never be mailed again, and why."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from examples.customers.draws import Draws, Index, Rows

SIZE = 640
_STRANGERS = 8  # people who left the list but not the suppression list
_REASONS = ("unsubscribed", "hard_bounce", "complaint", "legal_request")
_REASON_WEIGHTS = (60, 28, 10, 2)
_FIRST_DAY = datetime.date(2006, 1, 1)
_DAYS = 780


def write_suppression(path: Path, audience: pa.Table, seed: int) -> None:
    """640 addresses, all well-formed, 632 of them of the audience; some are written in capitals."""
    draws = Draws(seed)
    emails = audience.column("email").to_pylist()
    wellformed = np.array([_is_wellformed(email) for email in emails])
    rank = np.where(wellformed, draws.uniform("suppressed", np.arange(len(emails), dtype=np.uint64)), 2.0)
    chosen = _distinct(np.argsort(rank, kind="stable"), emails, SIZE - _STRANGERS)
    suppressed = [emails[row] for row in chosen]
    suppressed += [f"former.customer{number}@example.com" for number in range(1, _STRANGERS + 1)]
    rows = np.arange(len(suppressed), dtype=np.uint64)
    capitals = draws.uniform("capitals", rows) < 0.05
    suppressed = [email.upper() if loud else email for email, loud in zip(suppressed, capitals, strict=True)]
    _write(path, suppressed, draws, rows)


def _is_wellformed(email: str | None) -> bool:
    """Whether the generator left the address whole: each way of breaking one shows in one of these."""
    if not email or email.count("@") != 1 or any(mark in email for mark in (" ", ",", "..")):
        return False
    return not email.startswith("@") and not email.endswith(("@", "."))


def _distinct(order: Index, emails: list[str], size: int) -> list[int]:
    seen: dict[str, int] = {}
    for row in order:
        seen.setdefault(emails[row].lower(), int(row))
        if len(seen) == size:
            break
    return list(seen.values())


def _by_day(record: tuple[str, str, str]) -> tuple[str, str]:
    address, _, day = record
    return day, address.lower()


def _write(path: Path, suppressed: list[str], draws: Draws, rows: Rows) -> None:
    reasons = draws.weighted("reason", rows, _REASON_WEIGHTS)
    days = draws.below("day", rows, _DAYS)
    records = [
        (email, _REASONS[reason], (_FIRST_DAY + datetime.timedelta(days=int(day))).isoformat())
        for email, reason, day in zip(suppressed, reasons, days, strict=True)
    ]
    records.sort(key=_by_day)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("email", "reason", "suppressed_on"))
        writer.writerows(records)
