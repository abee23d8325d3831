"""What one rendering may cost, and the error that says it cost more.

The limits count work and sizes, never seconds: the same template and row meet them on every machine, in every thread.
"""

from __future__ import annotations

from typing import Final

from jinja2 import TemplateRuntimeError

MAX_SOURCE: Final = 512 * 1024  # characters of one template's source
MAX_TREE_DEPTH: Final = 120  # levels of a syntax tree; Python's own recursion limit lies at about twice this
MAX_LOOP_DEPTH: Final = 15  # loops inside one another; CPython compiles at most 20 nested blocks
MAX_TREE_NODES: Final = 30_000  # nodes of one template's syntax tree
MAX_DEFINITIONS: Final = 2_000  # blocks, macros and calls with a body; each is a function for CPython to compile
MAX_CALL_DEPTH: Final = 50  # macros, blocks, includes and recursive loops inside one another
MAX_TEXT: Final = 2**20  # characters of one value that a template makes, and of the output
MAX_WIDTH: Final = 10_000  # what a padding, an indentation or a precision may ask for
MAX_STRFTIME: Final = 1_000  # characters of a date format; the C library may widen each 256 times
MAX_INTEGER_BITS: Final = 16_384  # above Python's own limit of 4,300 digits for printing
MAX_RANGE: Final = 100_000
WORK: Final = 30_000_000  # units of about ten nanoseconds that one rendering may spend


class TemplateLimitError(TemplateRuntimeError):
    """A template asked for more than one rendering may cost.

    ``reason`` says what for; ``name`` and ``lineno`` (from 1) say where, and are None until the rendering has been left.
    """

    def __init__(self, reason: str, *, name: str | None = None, lineno: int | None = None) -> None:
        self.reason = reason
        self.name = name
        self.lineno = lineno
        where = ":".join(str(part) for part in (name or "<template>", lineno) if part is not None)
        super().__init__(f"{where}: {reason}" if name or lineno else reason)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (self.reason, self.name, self.lineno)


def _rebuilt(reason: str, name: str | None, lineno: int | None) -> TemplateLimitError:
    return TemplateLimitError(reason, name=name, lineno=lineno)
