"""The names that values are kept under."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import pyarrow as pa

from engine.cache.records import FORMAT, HEAD
from engine.cache.rows import RowFormat


class Space:
    """One tenant's values of one kind: what they look like, and their keys.

    No two spaces share a key: the tenant stands behind its length, and values of another schema are under another name. Raises
    ValueError for a schema of which rows cannot be packed.
    """

    def __init__(self, tenant: str, kind: str, schema: pa.Schema) -> None:
        assert ":" not in kind
        self.tenant = tenant
        self.kind = kind
        self.rows = RowFormat(schema, HEAD)

    @cached_property
    def prefix(self) -> str:
        """What every key begins with."""
        looks = hashlib.blake2b(self.rows.schema.remove_metadata().serialize(), digest_size=4).hexdigest()
        return f"mailray:{FORMAT}:{len(self.tenant)}:{self.tenant}:{self.kind}-{looks}:"

    def keys(self, names: Sequence[str]) -> list[str]:
        prefix = self.prefix
        return [prefix + each for each in names]

    def names(self, keys: Sequence[str]) -> list[str]:
        start = len(self.prefix)
        return [each[start:] for each in keys]
