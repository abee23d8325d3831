"""``asset('img/logo.png')`` in a template: the address of a file, with the hash of its content in it.

The call is replaced by the address when the sources are prepared, so what is rendered has nothing left to look up.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote

from jinja2.lexer import get_lexer

from engine.errors import Diagnostic, InputError, Place, did_you_mean
from engine.templates.catalogue.names import is_plain
from engine.templates.sandbox import campaign_environment
from engine.templates.sources.masking import Masks, TagKind, normalised

FUNCTION = "asset"
HASH_LENGTH = 16  # hexadecimal digits
PREFIX_HELP = "say `assets: {folder: assets, prefix: https://...}` in campaign.yaml"
_LEXER = get_lexer(campaign_environment(autoescape=True))
Token = tuple[str, str]


class Assets:
    """The addresses of the files that templates name, found when they are first asked for.

    ``digest`` gives the SHA-256 of a file's content in hexadecimal, or None if there is no such file; ``prefix`` is where the files are
    served from; ``names`` lists the files, for whoever named another. ``used`` maps each path that was asked for to its address.
    """

    def __init__(
        self, digest: Callable[[str], str | None], prefix: str, names: Callable[[], Sequence[str]] = tuple
    ) -> None:
        self._digest = digest
        self._names = names
        self._prefix = prefix.rstrip("/")
        self.used: dict[str, str] = {}

    def address(self, path: str) -> str | None:
        """The address of a file, ``prefix/img/logo.<hash>.png``; None if there is none."""
        if path not in self.used:
            digest = self._digest(path) if is_plain(path) else None
            if digest is None:
                return None
            stem, suffix = posixpath.splitext(path)
            self.used[path] = f"{self._prefix}/{quote(stem)}.{digest[:HASH_LENGTH]}{suffix}"
        return self.used[path]

    def nearest(self, path: str) -> str:
        """What to say to whoever asked for a file that is not there."""
        names = self._names()
        return did_you_mean(path, names) if names else "the folder of assets has no files"


def with_addresses(files: Mapping[str, str], assets: Assets | None) -> dict[str, str]:
    """The sources with an address in the place of every ``asset(...)``.

    Raises InputError with every file that is not there and every path that is not constant, or if no prefix is configured.
    """
    faults: list[Diagnostic] = []
    written = {name: _written(name, source, assets, faults) for name, source in files.items()}
    if faults:
        raise InputError(*faults)
    return written


def _written(name: str, source: str, assets: Assets | None, faults: list[Diagnostic]) -> str:
    if FUNCTION not in source:
        return source
    source = normalised(source)
    masks = Masks(source)
    parts: list[str] = []
    line = 1
    for part in masks.split(masks.mask(source)):
        text = part if isinstance(part, str) else part.text
        if not isinstance(part, str) and part.kind is not TagKind.COMMENT and FUNCTION in text:
            parts.append(_replaced(text, assets, Place(name, line), faults))
        else:
            parts.append(text)
        line += text.count("\n")
    return "".join(parts)


def _replaced(tag: str, assets: Assets | None, place: Place, faults: list[Diagnostic]) -> str:
    tokens: list[Token] = [(kind, value) for _, kind, value in _LEXER.tokeniter(tag, None)]
    parts: list[str] = []
    at = 0
    while at < len(tokens):
        if not _is_call(tokens, at):
            parts.append(tokens[at][1])
            at += 1
            continue
        call = list(_call(tokens, at))
        parts.append(_address([tokens[index] for index in call], assets, place, faults))
        at = call[-1] + 1
    return "".join(parts)


def _is_call(tokens: list[Token], at: int) -> bool:
    if tokens[at] != ("name", FUNCTION):
        return False
    before = next((value for kind, value in reversed(tokens[:at]) if kind != "whitespace"), "")
    after = next((value for kind, value in tokens[at + 1 :] if kind != "whitespace"), "")
    return after == "(" and before not in (".", "|")


def _call(tokens: list[Token], at: int) -> Iterator[int]:
    """The numbers of a call's tokens, white space left out."""
    depth = 0
    for index in range(at, len(tokens)):
        kind, value = tokens[index]
        if kind != "whitespace":
            yield index
        depth += (value == "(") - (value == ")") if kind == "operator" else 0
        if depth == 0 and value == ")":
            return


def _address(call: list[Token], assets: Assets | None, place: Place, faults: list[Diagnostic]) -> str:
    path = call[2][1][1:-1] if [kind for kind, _ in call[1:]] == ["operator", "string", "operator"] else None
    address = None
    if path is None:
        faults.append(
            Diagnostic("MR251", "asset() takes one constant path", place, "write it as asset('img/logo.png')")
        )
    elif assets is None:
        faults.append(Diagnostic("MR252", "there is no address that assets are served from", place, PREFIX_HELP))
    else:
        address = assets.address(path)
        if address is None:
            faults.append(Diagnostic("MR253", f"there is no asset `{path}`", place, assets.nearest(path)))
    return f'"{address or ""}"'
