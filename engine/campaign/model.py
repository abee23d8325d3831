"""What all models of the campaign file share: strictness, and the forms of names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
TEMPLATE_ID = r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}$"
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
ColumnName = Annotated[str, Field(min_length=1, max_length=128)]
Condition = Annotated[str, Field(min_length=1, max_length=10_000, description="A SQL boolean expression.")]


class Model(BaseModel):
    """Values are taken as they are written: `"8"` is no number and `"yes"` no truth value (YAML tells them apart)."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


Value = TypeVar("Value", bound=StrEnum)
# Files write an enumeration's value, not its member.
Named = Annotated[Value, Field(strict=False)]
