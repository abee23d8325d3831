"""People's attributes, laid over one another name by name, each name at the sequence of the write that it comes from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from engine.adapters.stores.store_rows import read_objects

_FIRST = -(2**63)
_VALUE = r':\s*("(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|true|false)'  # a colon, and what follows it
_SHAPE = re.compile(r'\{\s*("\w+":\s*(,\s*"\w+":\s*)*)?\}', re.ASCII)  # of an object without its values


@dataclass(slots=True)
class Attributes:
    """What is kept of one person: ``floor`` is the sequence of whatever ``sequences`` does not name, the latest replacement's."""

    values: dict[str, Any] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    floor: int = _FIRST

    @classmethod
    def read(cls, values: str, sequences: str, floor: int | None) -> Self:
        """From the columns that keep them."""
        return cls(json.loads(values), json.loads(sequences), _FIRST if floor is None else floor)

    def written(self) -> tuple[str, str, int | None, int | None]:
        """As columns: what ``read`` takes, and the highest sequence of any name."""
        latest = max([self.floor, *self.sequences.values()])
        return write_object(self.values), write_object(self.sequences), _known(self.floor), _known(latest)

    def lay(self, changes: dict[str, Any], sequence: int) -> None:
        """Write each name that no later write has written; None takes one away."""
        for name, value in changes.items():
            if self.sequences.get(name, self.floor) <= sequence:
                self.sequences[name] = sequence
                if value is None:
                    self.values.pop(name, None)
                else:
                    self.values[name] = value

    def replace(self, values: dict[str, Any], sequence: int) -> None:
        """Write every name there is, and take the others away, but what a later write has written."""
        later = {name: value for name, value in self.values.items() if self.sequences.get(name, self.floor) > sequence}
        earlier = {
            name: value
            for name, value in values.items()
            if value is not None and self.sequences.get(name, self.floor) <= sequence
        }
        self.values = {**earlier, **later}
        self.sequences = {name: each for name, each in self.sequences.items() if each > sequence}
        self.floor = max(self.floor, sequence)


def _known(sequence: int) -> int | None:
    return None if sequence == _FIRST else sequence


def laid_together(changes: pa.RecordBatch) -> pa.RecordBatch:
    """Changes (``user_id``, ``attributes``) with one row a person: of several rows for a name, the last one holds."""
    people = changes.column("user_id")
    if pc.count_distinct(people).as_py() == changes.num_rows:
        return changes
    together: dict[str, dict[str, Any]] = {}
    objects = read_objects(changes.column("attributes"), "attributes")
    for user, values in zip(people.to_pylist(), objects, strict=True):
        together.setdefault(user, {}).update(values)
    texts = [write_object(each) for each in together.values()]
    return pa.RecordBatch.from_arrays(
        [pa.array([*together], pa.string()), pa.array(texts, pa.string())], changes.schema.names
    )


def same_names(objects: pa.StringArray) -> list[str] | None:
    """The names in these JSON objects when all have the same in one order, each with a value that is no object, array or null. None
    too where that is not seen at a glance."""
    shapes = pc.unique(pc.replace_substring_regex(objects, _VALUE, ":")).to_pylist()
    if len(shapes) != 1 or shapes[0] is None or not _SHAPE.fullmatch(shapes[0]):
        return None
    return re.findall(r"\w+", shapes[0], re.ASCII)


def write_object(values: dict[str, Any]) -> str:
    """In one form, so that what is equal is the same text."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True)
