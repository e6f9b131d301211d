"""What all tables of the configuration file have in common."""

from typing import Annotated

import msgspec
from msgspec import Meta

MEBIBYTE = 1024 * 1024

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Dollars = Annotated[float, Meta(ge=0, le=1_000_000)]
Name = Annotated[str, Meta(min_length=1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the configuration file."""
