"""From a stranger's rows to the store's: which are good, and why the others are not."""

from engine.audience.incoming.reading import Reading
from engine.audience.incoming.rows import Incoming, Refusal
from engine.audience.incoming.shapes import EVENT, USER, Shape

__all__ = ["EVENT", "USER", "Incoming", "Reading", "Refusal", "Shape"]
