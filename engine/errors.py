"""What can be wrong, and how it is said.

    MailrayError                       exit   a Diagnostic or several, all that one look could find
    ├── UsageError                      2     the command line
    ├── InputError                      65    a file's content: audience, template, event file
    ├── MissingInputError               66    a file that is not there, or is empty
    ├── ServiceError                    69    a service that does not answer: relay, database, cluster
    ├── InternalError                   70    a fault of ours
    ├── CannotCreateError               73    an output that cannot be made
    ├── FileAccessError                 74    reading or writing failed on the way
    ├── TryAgainError                   75    a run that stopped and can be resumed
    ├── RefusedError                    77    something that must not be done: a locked run, a forbidden address
    └── CampaignError                   78    the campaign: its file, templates, conditions, workflow

Exit 0 is success and exit 1 is a run that finished with failed messages. The numbers from 64 on are those of BSD's
sysexits.h. A recipient's failure is a value in the outcome column and never one of these.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text a fault stands.

    Line and column count from 1; ``excerpt`` is the whole line, ``width`` the fault's length in characters.
    """

    file: str
    line: int | None = None
    column: int | None = None
    excerpt: str | None = None
    width: int = 1

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault: a stable code (``MR104``), one line of text, where it is and what to do about it."""

    code: str
    message: str
    place: Place | None = None
    help: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The fault as plain values, for ``--json``."""
        place = self.place
        return {
            "code": self.code,
            "message": self.message,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "help": self.help,
        }

    def __str__(self) -> str:
        return self.told_as("error")

    def told_as(self, level: str) -> str:
        """The fault for people; ``level`` is "error", or "warning" for what stops nothing."""
        lines = [f"{level}[{self.code}]: {self.message}"]
        if self.place is not None:
            lines.append(f"  --> {self.place}")
            lines.extend(self._excerpt(self.place))
        if self.help is not None:
            lines.append(f"   = help: {self.help}")
        return "\n".join(lines)

    @staticmethod
    def _excerpt(place: Place) -> Iterable[str]:
        if place.excerpt is None or place.line is None:
            return
        number = str(place.line)
        margin = " " * len(number)
        yield f"{margin} |"
        yield f"{number} | {place.excerpt}"
        if place.column is not None:
            yield f"{margin} | {' ' * (place.column - 1)}{'^' * max(1, place.width)}"


class MailrayError(Exception):
    """Something that stops a command; ``diagnostics`` holds every independent fault that one look found."""

    exit_code = 70

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = diagnostics

    @classmethod
    def single(cls, code: str, message: str, *, place: Place | None = None, help: str | None = None) -> Self:
        """The error made of one diagnostic."""
        return cls(Diagnostic(code, message, place, help))

    def __str__(self) -> str:
        shown = [str(each) for each in self.diagnostics[:MOST_SHOWN]]
        left = len(self.diagnostics) - len(shown)
        return "\n".join([*shown, f"... and {left} more"] if left > 0 else shown)


class UsageError(MailrayError):
    exit_code = 2


class InputError(MailrayError):
    exit_code = 65


class MissingInputError(MailrayError):
    exit_code = 66


class ServiceError(MailrayError):
    exit_code = 69


class InternalError(MailrayError):
    exit_code = 70


class CannotCreateError(MailrayError):
    exit_code = 73


class FileAccessError(MailrayError):
    exit_code = 74


class TryAgainError(MailrayError):
    exit_code = 75


class RefusedError(MailrayError):
    exit_code = 77


class CampaignError(MailrayError):
    exit_code = 78


def near_match(name: str, known: Sequence[str]) -> str | None:
    """The known name that ``name`` was probably meant to be, or None."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A help line: the near match, or the list of what is known."""
    match = near_match(name, known)
    if match is not None:
        return f"did you mean `{match}`?"
    return "known are: " + ", ".join(f"`{each}`" for each in sorted(known)) if known else "nothing is known here"
