"""Text into a syntax tree in which nothing but the allowed language stands, each fault with its place."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp, parse, tokenize
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from engine.campaign.document import Locate, printable
from engine.conditions.language import CAST_TYPES, FUNCTION_NAMES, FUNCTIONS, OPERATORS, REFUSED, UNTYPED_FUNCTIONS
from engine.errors import CampaignError, Diagnostic, Place, did_you_mean

DIALECT = "duckdb"
MOST_CHARACTERS = 10_000
UNKNOWN_FUNCTION = "MR203"
# sqlglot's parser recurses some twenty frames deep for each parenthesis.
MOST_NESTING = 20
# DuckDB stops at 1,000; a chain of additions is as deep as it is long.
MOST_DEPTH = 200
_OPENING = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE)
_CLOSING = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END)


def locate_in(text: str) -> Locate:
    """Places in a condition that stands in no file."""

    def place(offset: int, width: int) -> Place:
        start = text.rfind("\n", 0, offset) + 1
        line = text[start:].split("\n", 1)[0]
        return Place("condition", text.count("\n", 0, offset) + 1, offset - start + 1, printable(line), width)

    return place


def parse_condition(text: str, locate: Locate) -> tuple[exp.Expr, list[Diagnostic]]:
    """The syntax tree of one expression, and every construct in it that is not allowed.

    Raises:
        CampaignError: with the first error of syntax, or because the text is too long or nested too deep.
    """
    tokens = _tokens(text, locate)
    try:
        statements = parse(text, read=DIALECT)
    except ParseError as error:
        raise CampaignError(_syntax_fault(text, error, locate)) from None
    except (RecursionError, TokenError):
        raise CampaignError(_too_deep(locate(0, len(text)))) from None
    if len(statements) != 1 or statements[0] is None or any(each.token_type is TokenType.SEMICOLON for each in tokens):
        raise CampaignError(_not_one_expression(tokens, locate))
    root = statements[0]
    if _depth(root) > MOST_DEPTH:
        raise CampaignError(_too_deep(locate(0, len(text))))
    return root, list(_faults(root, locate, text))


def replaced(root: exp.Expr, node: exp.Expr, by: exp.Expr) -> exp.Expr:
    """``root`` with ``node`` in it exchanged; ``by`` itself if the node is the root."""
    if node is root:
        return by
    node.replace(by)
    return root


def spans_of(root: exp.Expr) -> dict[int, tuple[int, int]]:
    """By ``id`` of the node, start and end of the text that each node of ``root`` came from, as far as its parts tell."""
    spans: dict[int, tuple[int, int]] = {}
    for node in reversed(list(root.bfs())):
        known = [spans[id(part)] for part in node.iter_expressions() if id(part) in spans]
        if "start" in node.meta:
            known.append((int(node.meta["start"]), int(node.meta["end"]) + 1))
        if known:
            spans[id(node)] = min(start for start, _ in known), max(end for _, end in known)
    return spans


def place_of(node: exp.Expr, locate: Locate, length: int) -> Place:
    """Where a node stands, a function at its name; the whole text if its parts do not tell."""
    if isinstance(node, exp.Func) and "start" in node.meta:
        return locate(int(node.meta["start"]), int(node.meta["end"]) + 1 - int(node.meta["start"]))
    start, end = spans_of(node).get(id(node), (0, length))
    return locate(start, end - start)


def _tokens(text: str, locate: Locate) -> list[Token]:
    if len(text) > MOST_CHARACTERS:
        raise CampaignError.single(
            "MR206", f"a condition of more than {MOST_CHARACTERS:,} characters", place=locate(0, 1)
        )
    try:
        tokens = list(tokenize(text, read=DIALECT))
    except TokenError:
        at = max(text.rfind("'"), text.rfind('"'), 0)
        raise CampaignError.single(
            "MR200", "not a SQL expression: a quote is not closed", place=locate(at, 1), help="close the quote"
        ) from None
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth > MOST_NESTING:
            raise CampaignError(_too_deep(locate(token.start, 1)))
    return tokens


def _depth(root: exp.Expr) -> int:
    """The most nodes above one another; long chains of AND and OR count once."""
    deepest, waiting = 0, [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        below = depth if isinstance(node, exp.Connector) else depth + 1
        waiting.extend((part, below) for part in node.iter_expressions())
    return deepest


def _too_deep(place: Place) -> Diagnostic:
    help = "split the condition into segments"
    return Diagnostic("MR206", "the condition is nested too deep", place, help)


def _syntax_fault(text: str, error: ParseError, locate: Locate) -> Diagnostic:
    first = error.errors[0]
    highlight = str(first.get("highlight") or "")
    lines = text.split("\n")
    line = min(int(first.get("line") or 1), len(lines))
    end = sum(len(each) + 1 for each in lines[: line - 1]) + int(first.get("col") or 0)
    place = locate(max(0, end - len(highlight)), max(1, len(highlight)))
    words = str(first.get("description") or "it cannot be read").rstrip(".")
    if words.startswith("Required keyword"):
        words = f"something is missing after `{highlight}`"
    help = "text stands in single quotes, columns stand bare or in double quotes: tier = 'gold'"
    return Diagnostic("MR200", printable(f"not a SQL expression: {words}"), place, help)


def _not_one_expression(tokens: list[Token], locate: Locate) -> Diagnostic:
    semicolons = [token for token in tokens if token.token_type is TokenType.SEMICOLON]
    if semicolons:
        place = locate(semicolons[0].start, 1)
        return Diagnostic(
            "MR202", "a condition is one expression, without `;`", place, "remove the `;` and what follows"
        )
    return Diagnostic("MR200", "the condition is empty", locate(0, 1), "write a boolean expression, or remove the key")


def _faults(root: exp.Expr, locate: Locate, text: str) -> Iterator[Diagnostic]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        fault = _fault(node, locate, text)
        if fault is not None:
            yield fault  # what stands inside is refused with it
        else:
            waiting.extend(reversed(list(node.iter_expressions())))


def _fault(node: exp.Expr, locate: Locate, text: str) -> Diagnostic | None:
    if type(node) in OPERATORS and not isinstance(node, exp.DataType | exp.In | exp.Interval):
        return None
    place = place_of(node, locate, len(text)) if node.parent else locate(0, len(text))
    if isinstance(node, exp.DataType):
        name = node.sql(DIALECT)
        if node.this.name not in CAST_TYPES:
            help = "allowed are: " + ", ".join(sorted(CAST_TYPES - {"TIMESTAMPNTZ"}))
            return Diagnostic("MR202", f"a cast to `{printable(name)}` is not allowed", place, help)
        return None
    if isinstance(node, exp.In) and not node.expressions and not node.args.get("query"):
        return Diagnostic("MR202", "`IN` takes a list of values in a condition", place, "write `column IN ('a', 'b')`")
    if isinstance(node, exp.Interval) and not isinstance(node.this, exp.Literal):
        return Diagnostic("MR202", "an interval is written with a number", place, "write `INTERVAL 30 DAY`")
    if type(node) in OPERATORS or type(node) in FUNCTIONS:
        return None
    if isinstance(node, exp.Anonymous):
        return None if node.name.lower() in UNTYPED_FUNCTIONS else _unknown_function(node.name.lower(), place)
    if isinstance(node, exp.Query):
        start, _ = spans_of(node).get(id(node), (len(text), 0))
        place = locate(max(0, text.lower().rfind("select", 0, start)), len("select"))
    for kind, words in REFUSED:
        if isinstance(node, kind):
            return Diagnostic(
                "MR202", f"{words} is not allowed in a condition", place, "a condition reads one row alone"
            )
    if isinstance(node, exp.Func) and "start" in node.meta:
        name = text[int(node.meta["start"]) : int(node.meta["end"]) + 1]
        return _unknown_function(name.lower(), place)
    return Diagnostic(
        "MR202", f"`{node.key}` is not allowed in a condition", place, "see the list of what a condition may hold"
    )


def _unknown_function(name: str, place: Place) -> Diagnostic:
    return Diagnostic(
        "MR203", f"the function `{printable(name)}` is not allowed", place, did_you_mean(name, FUNCTION_NAMES)
    )
