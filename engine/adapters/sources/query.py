"""The query of an audience: one SELECT that only reads, with the place of each character in the campaign file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp, parse, tokenize
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from engine.campaign.document import Locate, printable
from engine.errors import CampaignError, Place

_BEGINNINGS = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.VALUES)
_WRITING: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.Into, "SELECT INTO"),
    (exp.Lock, "a lock (FOR UPDATE)"),
    (exp.DDL, "a statement that changes the database"),
    (exp.DML, "a statement that changes the database"),
    (exp.Command, "a command"),
)
_WORD = re.compile(r"\w+|.", re.DOTALL)
_VIEW = "what only this database can read belongs into a view there"


@dataclass(frozen=True, slots=True)
class QueryText:
    """What the campaign says, not looked at yet; ``locate`` gives the place of an (offset, width) of it in the file."""

    text: str
    locate: Locate

    def place(self, offset: int | None = None) -> Place:
        """Where the word at ``offset`` stands; the query's beginning if None, or if it is outside."""
        if offset is None or not 0 <= offset < len(self.text):
            return self.locate(0, 1)
        word = _WORD.match(self.text, offset)
        return self.locate(offset, len(word[0]) if word else 1)


@dataclass(frozen=True, slots=True)
class Query:
    """A query that is one SELECT as far as its text tells. ``text`` is without what ends it; offsets are those of ``written``."""

    text: str
    written: QueryText
    tables: tuple[str, ...]

    @property
    def rows(self) -> str:
        """What stands in a FROM; a comment at the query's end hides nothing behind it."""
        return f"({self.text}\n) AS audience"

    def wrong(self, words: str, offset: int | None = None, help: str | None = None) -> CampaignError:
        """The database's own complaint about the query."""
        return CampaignError.single(
            "MR372", printable(f"the query is wrong: {words}"), place=self.written.place(offset), help=help
        )


def parse_query(written: QueryText, dialect: str) -> Query:
    """Raises CampaignError (MR372, MR373) with its place for what is no SELECT, more than one, or not only reading."""
    tokens = _tokens(written, dialect)
    if not tokens or tokens[0].token_type not in _BEGINNINGS:
        raise _not_one(written, "it is none", tokens[0].start if tokens else None)
    end = next((each for each in tokens if each.token_type is TokenType.SEMICOLON), None)
    if end is not None and tokens[-1].token_type is not TokenType.SEMICOLON:
        after = next(each for each in tokens if each.start > end.start and each.token_type is not TokenType.SEMICOLON)
        raise _not_one(written, "something follows its `;`", after.start)
    text = written.text if end is None else written.text[: end.start]
    root = _parsed(text, written, dialect)
    for kind, words in _WRITING:
        found = root.find(kind)
        if found is not None:
            raise _not_one(written, f"{words} stands in it", None)
    names = {with_.alias for with_ in root.find_all(exp.CTE)}
    tables = dict.fromkeys(table.name for table in root.find_all(exp.Table))
    return Query(text, written, tuple(name for name in tables if name not in names))


def _tokens(written: QueryText, dialect: str) -> list[Token]:
    try:
        return list(tokenize(written.text, read=dialect))
    except TokenError:
        at = max(written.text.rfind("'"), written.text.rfind('"'))
        raise CampaignError.single(
            "MR372",
            "the query is wrong: a quote is not closed",
            place=written.place(at if at >= 0 else None),
            help="close the quote",
        ) from None


def _parsed(text: str, written: QueryText, dialect: str) -> exp.Expr:
    try:
        roots = parse(text, read=dialect)
    except ParseError as error:
        offset, words = _fault_in(text, error)
        raise CampaignError.single(
            "MR372", printable(f"the query is wrong: {words}"), place=written.place(offset), help=_VIEW
        ) from None
    except RecursionError:
        raise CampaignError.single("MR372", "the query is nested too deep", place=written.place(), help=_VIEW) from None
    root = roots[0] if roots else None
    if len(roots) != 1 or not isinstance(root, exp.Query | exp.Values):
        raise _not_one(written, "it is none", None)
    return root


def _fault_in(text: str, error: ParseError) -> tuple[int, str]:
    first = error.errors[0]
    highlight = str(first.get("highlight") or "")
    lines = text.split("\n")
    line = min(int(first.get("line") or 1), len(lines))
    end = sum(len(each) + 1 for each in lines[: line - 1]) + int(first.get("col") or 0)
    words = str(first.get("description") or "it cannot be read").rstrip(".")
    if words.startswith("Required keyword"):
        words = f"something is missing after `{highlight}`"
    elif highlight:
        words = f"`{highlight}` is not expected here"
    return max(0, end - len(highlight)), words


def _not_one(written: QueryText, why: str, offset: int | None) -> CampaignError:
    return CampaignError.single(
        "MR373",
        f"the query must be one SELECT that only reads: {why}",
        place=written.place(offset),
        help="begin with SELECT or WITH; one statement, nothing that writes or locks",
    )
