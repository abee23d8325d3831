"""The names of template files, which are paths below their folder."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from engine.errors import InputError

SUFFIX = ".j2"
SUBJECT, TEXT, HTML, MJML = ".subject.j2", ".txt.j2", ".html.j2", ".mjml.j2"
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,200}")


def is_plain(name: str) -> bool:
    """Whether a name stays below its folder and is one that every file system can hold."""
    return _NAME.fullmatch(name) is not None and all(part.strip(".") for part in name.split("/"))


def check_names(names: Iterable[str]) -> None:
    """Refuse, with InputError, names with other signs than ``A-Z a-z 0-9 _ . / -`` or that lead out of their folder."""
    for name in names:
        if not is_plain(name):
            raise InputError.single(
                "MR233",
                f"a template cannot be named {name!r}",
                help="letters, digits, `_`, `-` and `.`, with `/` between folders",
            )


def beside(name: str, path: str) -> str:
    """The name that a path means in the file ``name``."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def siblings(name: str) -> Iterator[str]:
    """The name itself and the files that are the same template in another form."""
    yield name
    for suffix in (HTML, TEXT, SUFFIX):
        if name.endswith(suffix):
            yield from (name.removesuffix(suffix) + other for other in (HTML, TEXT, MJML) if other != suffix)
            return
