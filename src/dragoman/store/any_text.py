"""Text columns that take whatever a client may write."""

import re

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

_ESCAPE = "\x10"
_ESCAPED = re.compile(f"{_ESCAPE}([0{_ESCAPE}])")


class AnyText(TypeDecorator[str]):
    """Text of any characters, given back as it was, and ordered by its bytes.

    Postgres has no text with the character NUL in it: there, NUL is written as the characters DLE and `0`,
    and DLE itself twice. Halves of surrogate pairs, which are no characters, become question marks.
    """

    impl = Text
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        # the order of a language is slow, finds no prefix in an index, and changes with the system's library
        return Text(collation="C") if dialect.name == "postgresql" else Text()

    @override
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not value.isascii():
            value = value.encode("utf-8", "replace").decode()
        if dialect.name != "postgresql":
            return value
        return value.replace(_ESCAPE, 2 * _ESCAPE).replace("\x00", f"{_ESCAPE}0")

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name != "postgresql" or _ESCAPE not in value:
            return value
        return _ESCAPED.sub(lambda found: "\x00" if found[1] == "0" else _ESCAPE, value)
