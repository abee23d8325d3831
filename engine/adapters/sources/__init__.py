"""Sources of recipients: one file a kind, listed in ``SOURCES``; formats of files in ``FORMATS``."""

from engine.adapters.sources.files import FILES, FORMATS, open_files
from engine.adapters.sources.kind import Asked, SourceKind
from engine.adapters.sources.postgres import POSTGRES
from engine.adapters.sources.query import QueryText
from engine.adapters.sources.sqlite import SQLITE
from engine.adapters.sources.store import STORE
from engine.audience.source import Source

SOURCES: tuple[SourceKind, ...] = (FILES, POSTGRES, SQLITE, STORE)


def open_source(asked: Asked) -> Source:
    """The source that a campaign names. Raises what its kind raises (``SourceKind``)."""
    scheme = None
    if isinstance(asked.source, str) and (asked.query is not None or asked.store is not None):
        scheme = asked.source.partition(":")[0]
    return next(kind for kind in SOURCES if kind.scheme == scheme).open(asked)


__all__ = ["FORMATS", "SOURCES", "Asked", "QueryText", "SourceKind", "open_files", "open_source"]
