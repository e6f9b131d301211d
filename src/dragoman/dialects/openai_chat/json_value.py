"""Decoded JSON of unknown shape, looked at without surprises."""

from typing import cast


def fields_of(value: object) -> dict[str, object]:
    """The members of an object; none for anything else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def items_of(value: object) -> list[object]:
    """The elements of an array; none for anything else."""
    return cast("list[object]", value) if isinstance(value, list) else []
