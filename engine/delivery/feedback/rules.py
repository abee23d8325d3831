"""Bounce classification by rules: phrases first, because servers choose their codes carelessly, then the codes' own meaning."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from engine.delivery.feedback.events import Kind

# RFC 3463 section 2. What looks like one inside an IP address or a version number is none.
_ENHANCED = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\d.#-])([245][0-5]\d)(?=[ \-#:])")  # RFC 5321 section 4.2
_LOCAL_PART = re.compile(r"[^\s<>()\[\]\"\',;:]{1,64}@")  # may hold any words, even those that a rule looks for
_MOST_READ = 4_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure means, and why in our words."""

    kind: Kind
    reason: str
    status: str = ""
    certain: bool = True


@dataclass(frozen=True, slots=True)
class _Phrase:
    kind: Kind
    reason: str
    pattern: re.Pattern[str]
    weak: bool
    unless: frozenset[str]

    def outdone_by(self, codes: Sequence[str]) -> bool:
        """Whether the server itself gave a code that goes before the phrase."""
        return any(each in self.unless or f"{each.rpartition('.')[0]}.x" in self.unless for each in codes)


class BounceRules:
    """The rules of a file (``engine/adapters/feedback/rules.toml`` is ours and says what stands in one)."""

    def __init__(
        self,
        phrases: list[_Phrase],
        statuses: Mapping[str, Verdict],
        replies: Mapping[str, Verdict],
        after_data: re.Pattern[str],
        even_after_data: re.Pattern[str],
    ) -> None:
        self._after_data = after_data
        self._even_after_data = even_after_data
        self._phrases = phrases
        self._statuses = statuses
        self._replies = replies

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError (tomllib.TOMLDecodeError is one), KeyError or re.error for a file that is no rules' file."""
        document = tomllib.loads(text)
        phrases = [
            _Phrase(
                Kind(each["kind"]),
                each["reason"],
                _any_of(each["any"]),
                each.get("weak", False),
                frozenset(each.get("unless", ())),
            )
            for each in document["phrase"]
        ]
        return cls(
            phrases,
            dict(_by_code(document["status"])),
            dict(_by_code(document["reply"])),
            _any_of(document["after_data"]),
            _any_of(document["even_after_data"]),
        )

    def classify(self, text: str, status: str = "", reply: str = "") -> Verdict:
        """What a diagnostic means. ``status`` and ``reply`` are read from the text where they are not given.

        A verdict is not ``certain`` when neither a phrase nor a code said more than that it failed.
        """
        shown = _LOCAL_PART.sub("x@", " ".join(text[:_MOST_READ].split()))
        answered = [".".join(found) for found in _ENHANCED.findall(shown)]
        status = _telling(status, *answered)
        said = [each for each in self._phrases if each.pattern.search(shown) and not each.outdone_by(answered)]
        strong = next((phrase for phrase in said if not phrase.weak), None)
        if strong is not None:
            return Verdict(strong.kind, strong.reason, status)
        exact = self._statuses.get(status) or self._statuses.get(f"x.{status.partition('.')[2]}")
        if exact is not None:
            return Verdict(exact.kind, exact.reason, status, certain=exact.kind is not Kind.SOFT)
        return self._guess(said, status, reply or next(iter(_REPLY.findall(shown)), ""))

    def _guess(self, said: Sequence[_Phrase], status: str, reply: str) -> Verdict:
        subject = self._statuses.get(f"{status.rpartition('.')[0]}.x")
        by_reply = self._replies.get(reply) if not status.startswith("4") else None
        found: _Phrase | Verdict | None = (said[0] if said else None) or subject or by_reply
        if found is not None:
            return Verdict(found.kind, found.reason, status, certain=False)
        return Verdict(Kind.SOFT, "temporary failure" if status[:1] == "4" else "unclassified", status, certain=False)

    def after_data(self, text: str) -> bool:
        """Whether a transcript says that the server had taken the recipient before it refused the message, and its answer is
        not one that is always given so late."""
        told = " ".join(text.split())
        return bool(self._after_data.search(told)) and not self._even_after_data.search(told)


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _by_code(rows: list[dict[str, Any]]) -> Iterator[tuple[str, Verdict]]:
    for row in rows:
        for code in row["codes"]:
            yield str(code), Verdict(Kind(row["kind"]), row["reason"])


def _telling(*statuses: str) -> str:
    """The first code that says something; x.0.0 says only that something failed."""
    given = [each for each in statuses if each]
    return next((each for each in given if not each.endswith(".0.0")), given[0] if given else "")
