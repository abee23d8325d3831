"""Content hashes of template sources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def digest_of(sources: Mapping[str, str]) -> str:
    """The content hash (SHA-256, in hexadecimal) of sources by file name."""
    whole = hashlib.sha256()
    for name in sorted(sources):
        for text in (name, sources[name]):
            raw = text.encode()
            whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.hexdigest()
