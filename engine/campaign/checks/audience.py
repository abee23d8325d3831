"""Rules about where recipients come from: files, a database and a query, or Mailray's own store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from engine.campaign.document import Document, KeyPath
from engine.errors import Diagnostic, near_match

DATABASE_SCHEMES = ("postgresql", "sqlite")
STORE = "store:"
STORE_KEY = "user_id"
_SOURCE: KeyPath = ("audience", "source")
_QUERY: KeyPath = ("audience", "query")
_KEY: KeyPath = ("audience", "key")
_FORMS = "write `postgresql://user@host/database`, `sqlite:///path` or `sqlite:////absolute/path`"
_OF_DATABASES = ("query", "password", "types")


def database_scheme(source: str | list[str]) -> str | None:
    """The scheme of a source that is a database; None for files."""
    scheme = source.partition("://")[0] if isinstance(source, str) and "://" in source else None
    return scheme if scheme in DATABASE_SCHEMES else None


def wrong_database(document: Document) -> Iterator[Diagnostic]:
    """A database asks for a query, and files for none; its URL names the database and nobody's password."""
    source = document.get(_SOURCE, str) or ""
    if source.startswith(STORE):
        yield from _wrong_store(document, source)
        return
    scheme = database_scheme(source)
    if scheme is None:
        yield from _not_of_files(document, source)
        return
    if not document.has(_QUERY):
        place = document.place_of_key(_SOURCE)
        yield document.fault("MR374", "a database needs an `audience.query`", place, "add `query: SELECT ...`")
    if document.has(("audience", "format")):
        place = document.place_of_key(("audience", "format"))
        yield document.fault("MR374", "`audience.format` is of files, not of a database", place, "remove it")
    if scheme == "sqlite" and document.has(("audience", "password")):
        place = document.place_of_key(("audience", "password"))
        yield document.fault("MR374", "a SQLite file has no password", place, "remove it")
    yield from _wrong_url(document, source, scheme)


def _wrong_store(document: Document, source: str) -> Iterator[Diagnostic]:
    if source != STORE:
        help = f"write `{STORE}`; where it is, the settings say"
        yield document.fault("MR391", "the store of people has no address", _SOURCE, help)
    for key in ("query", "password", "format"):
        if document.has(("audience", key)):
            place = document.place_of_key(("audience", key))
            yield document.fault("MR391", f"`audience.{key}` is not of the store of people", place, "remove it")
    if document.get(_KEY, str) not in (None, STORE_KEY):
        yield document.fault("MR391", "the store knows people by `user_id`", _KEY, f"write `key: {STORE_KEY}`")


def _not_of_files(document: Document, source: str) -> Iterator[Diagnostic]:
    scheme = source.partition("://")[0] if "://" in source else ""
    meant = near_match(scheme, (*DATABASE_SCHEMES, "postgres")) if scheme and document.has(_QUERY) else None
    if meant is not None:
        help = f"did you mean `{'sqlite' if meant == 'sqlite' else 'postgresql'}`?"
        yield document.fault("MR375", f"unknown database `{scheme}`", _SOURCE, help)
        return
    for key in _OF_DATABASES:
        if document.has(("audience", key)):
            place = document.place_of_key(("audience", key))
            yield document.fault("MR374", f"`audience.{key}` is of a database, and the source is none", place, _FORMS)


def _wrong_url(document: Document, source: str, scheme: str) -> Iterator[Diagnostic]:
    try:
        parts = urlsplit(source)
        _ = parts.port
    except ValueError as fault:
        yield document.fault("MR375", f"the database's URL cannot be read: {fault}", _SOURCE, _FORMS)
        return
    if parts.netloc and scheme == "sqlite":
        yield document.fault("MR375", "a SQLite file is on no host", _SOURCE, _FORMS)
    elif not parts.path.strip("/"):
        yield document.fault("MR375", "the URL names no database", _SOURCE, _FORMS)
    if re.search("(?i)password", " ".join(parse_qs(parts.query))):
        help = "leave it out of the URL: `password: env:NAME` or `file:PATH`"
        yield document.fault("MR154", "`audience.source` holds a password", document.place_of_key(_SOURCE), help)
