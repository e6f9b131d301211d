"""Values that stand in the environment: `"$NAME"` in the file means the variable's value."""

import re
from collections.abc import Mapping
from typing import cast

from dragoman.config.source import KeyPath, Source

_REFERENCE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


def resolve(value: object, environ: Mapping[str, str], source: Source, path: KeyPath = ()) -> object:
    """The same value with every `"$NAME"` in it replaced, and `"$$..."` as a literal `"$..."`.

    Only whole strings are references. Raises `ConfigError` for a variable that is unset or empty.
    """
    match value:
        case str() if value.startswith("$$"):
            return value[1:]
        case str() if value.startswith("$"):
            return _variable(value, environ, source, path)
        case dict():
            table = cast("dict[str, object]", value)
            return {key: resolve(item, environ, source, (*path, key)) for key, item in table.items()}
        case list():
            array = cast("list[object]", value)
            return [resolve(item, environ, source, (*path, index)) for index, item in enumerate(array)]
        case _:
            return value


def _variable(reference: str, environ: Mapping[str, str], source: Source, path: KeyPath) -> str:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise source.error(
            path,
            "a value that begins with $ must be the name of an environment variable and nothing else",
            'write "$NAME" with letters, digits and underscores, or "$$..." for a dollar sign',
        )
    name = match[1]
    found = environ.get(name)
    if not found:
        state = "is not set" if found is None else "is empty"
        raise source.error(
            path,
            f"the environment variable {name} {state}",
            f"set it before starting (export {name}=...) or write the value here",
        )
    return found
