"""What the fields of a struct mean, in the words that stand under them in its source."""

import ast
import functools
import inspect
import sys

import msgspec


@functools.cache
def field_texts(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The text under each field of a struct and of those that it is derived from."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            found.update(_texts(base.__module__).get(base.__name__, {}))
    return found


@functools.cache
def _texts(module: str) -> dict[str, dict[str, str]]:
    """By class and field. Empty where the source is not at hand."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):
        return {}
    return {node.name: _of_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for statement, following in zip(node.body, node.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[statement.target.id] = inspect.cleandoc(text.value).replace("\n", " ")
    return found
