"""The operators that can make much out of little, checked before they are applied."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.templates.sandbox.limits import MAX_INTEGER_BITS, MAX_WIDTH, TemplateLimitError
from engine.templates.sandbox.meter import check_size, size_of

_SEQUENCES = (str, bytes, list, tuple)
_CONVERSION = re.compile(r"%(?:\([^()]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?", re.ASCII)
_DIGITS = re.compile(r"\d+")


def check_width(*widths: object) -> None:
    """Refuse a padding, indentation or precision beyond the limit."""
    for width in widths:
        if isinstance(width, int) and abs(width) > MAX_WIDTH:
            raise TemplateLimitError(f"a width or precision of more than {MAX_WIDTH:,}")


def check_format_spec(spec: str) -> None:
    """Refuse a format specification (``>10``, ``.2f``) that names a width beyond the limit."""
    check_width(*(_number(digits) for digits in _DIGITS.findall(spec)))


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 9 else MAX_WIDTH + 1


def check_percent(template: str | bytes, arguments: object) -> None:
    """Refuse ``template % arguments`` where a width or the whole would be too large."""
    text = template if isinstance(template, str) else template.decode("latin-1")
    conversions = 0
    for match in _CONVERSION.finditer(text):
        conversions += 1
        for asked in match.groups(default=""):
            if asked == "*":
                check_width(*(arguments if isinstance(arguments, tuple) else (arguments,)))
            elif asked:
                check_width(_number(asked))
    # A name may repeat its argument once for each conversion; a sequence is used up, each argument once.
    times = conversions if isinstance(arguments, Mapping) else min(conversions, 1)
    check_size(len(text) + times * size_of(arguments))


def multiply(left: Any, right: Any) -> Any:
    """``left * right``; raises TemplateLimitError where the product would be too large."""
    if isinstance(left, int) and isinstance(right, int):
        check_bits(left.bit_length() + right.bit_length())
    elif isinstance(left, _SEQUENCES) and isinstance(right, int):
        check_size(size_of(left) * max(right, 0))
    elif isinstance(right, _SEQUENCES) and isinstance(left, int):
        check_size(size_of(right) * max(left, 0))
    return operator.mul(left, right)


def power(left: Any, right: Any) -> Any:
    """``left ** right``; raises TemplateLimitError where the power would be too large."""
    if isinstance(left, int) and isinstance(right, int) and right > 0:
        check_bits(left.bit_length() * right)
    return operator.pow(left, right)


def modulo(left: Any, right: Any) -> Any:
    """``left % right``, which on a text is formatting; raises TemplateLimitError where the text would be too large."""
    if isinstance(left, str | bytes):
        check_percent(left, right)
    return operator.mod(left, right)


def add(left: Any, right: Any) -> Any:
    """``left + right``; raises TemplateLimitError where the sum would be too large."""
    if isinstance(left, _SEQUENCES) and isinstance(right, _SEQUENCES):
        check_size(len(left) + len(right))
    return operator.add(left, right)


def check_bits(bits: int) -> None:
    """Refuse, before it is made, an integer of so many bits."""
    if bits > MAX_INTEGER_BITS:
        raise TemplateLimitError(f"an integer of more than {MAX_INTEGER_BITS:,} bits")


OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {"*": multiply, "**": power, "%": modulo, "+": add}
