"""Orders about keys and teams that cannot be carried out, in the words of the management API."""

import contextlib
from collections.abc import Generator
from typing import Literal

from dragoman.access.issuing import IssuingError, OvertakenError
from dragoman.config.source import ConfigError
from dragoman.console.operation import Asked
from dragoman.console.problem import ProblemError, ProblemType

_KINDS: dict[Literal["invalid", "missing", "conflict"], ProblemType] = {
    "invalid": "invalid_request",
    "missing": "not_found",
    "conflict": "conflict",
}
_THINGS = frozenset({"key", "team"})
"""What an error is about that is about no single field."""


@contextlib.contextmanager
def carrying_out(asked: Asked | None = None) -> Generator[None]:
    """Turns what goes wrong inside into a `ProblemError`. `asked` is the request, where it may be for one
    state of a thing only (`If-Match`).
    """
    try:
        yield
    except IssuingError as error:
        field = error.field.removeprefix("rules.")
        if isinstance(error, OvertakenError) and asked is not None and asked.header("if-match") is not None:
            raise ProblemError("precondition_failed", f"{error.problem}; {error.remedy}.") from None
        about = None if field in _THINGS and error.kind != "invalid" else field
        words = f"{error.problem}; {error.remedy}."
        raise ProblemError(_KINDS[error.kind], _sentence(words, about), about) from None
    except ConfigError as error:
        # it says what to write where, and never what is secret
        raise ProblemError("unavailable", f"Keys cannot be made here: {error}.") from None


def _sentence(words: str, field: str | None) -> str:
    return f"'{field}': {words}" if field else f"{words[:1].upper()}{words[1:]}"
