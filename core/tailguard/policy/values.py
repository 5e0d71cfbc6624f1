"""What every part of the policy is made of: frozen values that know all their keys, and kinds of numbers and names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(ge=0)]
Days = Annotated[int, Field(ge=1, le=732)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Strict(BaseModel):
    """A part of the policy: it never changes, an unknown key is a mistake, and no value is turned into another kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
