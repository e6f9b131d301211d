"""One thing that can be asked of the management API, described once: for serving it and for its document."""

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import msgspec

from dragoman.console.problem import ProblemError, ProblemType

T = TypeVar("T", bound=msgspec.Struct)
Method = Literal["GET", "POST", "PATCH", "DELETE"]
Headers = tuple[tuple[str, str], ...]


class Asked:
    """One request to an operation, with its body and its parameters checked."""

    def __init__(
        self,
        path: dict[str, str],
        parameters: msgspec.Struct | None,
        body: msgspec.Struct | None,
        headers: dict[str, str],
        address: str,
        request_id: str,
    ) -> None:
        self.path = path
        """The parts of the path that have names, decoded."""
        self.headers = headers
        """By their names in lower case."""
        self.address = address
        """Where the request comes from."""
        self.request_id = request_id
        self._parameters = parameters
        self._body = body

    def parameters(self, kind: type[T]) -> T:
        """The parameters behind the question mark."""
        return _of(kind, self._parameters)

    def body(self, kind: type[T]) -> T:
        """What was sent."""
        return _of(kind, self._body)

    def header(self, name: str) -> str | None:
        """A header by its name in lower case."""
        return self.headers.get(name)


class Answer(msgspec.Struct, frozen=True):
    """What is answered. `content` is an object of the type that the operation names, or bytes as they are."""

    content: msgspec.Struct | bytes | None = None
    status: int = 200
    headers: Headers = ()
    media_type: str = "application/json"


Run = Callable[[Asked], Awaitable[Answer]]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation."""

    method: Method
    path: str
    """Behind `BASE`, with `{name}` for parts that are given."""
    name: str
    """Its name in the document (`operationId`)."""
    summary: str
    run: Run
    description: str = ""
    parameters: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    answer: type[msgspec.Struct] | None = None
    """What is answered as JSON; None for an answer without a body, or with one of `media_types`."""
    media_types: tuple[str, ...] = ()
    """What else an answer can be."""
    status: int = 200
    problems: tuple[ProblemType, ...] = ()
    """What can go wrong besides what can everywhere."""
    tagged: bool = False
    """Whether the answer has an `ETag`."""
    conditional: bool = False
    """Whether `If-Match` is heeded."""
    body_example: msgspec.Struct | None = None
    answer_example: msgspec.Struct | None = None


def entity_tag(revision: int) -> str:
    """The `ETag` of something in the state of this revision."""
    return f'"{revision}"'


def expected_revision(asked: Asked, present: int) -> int | None:
    """The revision that has to be there for a change to be made; None where any will do.

    Raises `ProblemError` if that is not the present one (`If-Match`).
    """
    wanted = asked.header("if-match")
    tags = ["*"] if wanted is None else [tag.strip() for tag in wanted.split(",")]
    if "*" in tags:
        return None
    if entity_tag(present) in tags:
        return present
    raise ProblemError(
        "precondition_failed",
        "It was changed meanwhile. Read it again, and send its new ETag as If-Match.",
        headers=(("etag", entity_tag(present)),),
    )


def _of(kind: type[T], value: msgspec.Struct | None) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"the operation is not described with {kind.__name__}")
    return value
