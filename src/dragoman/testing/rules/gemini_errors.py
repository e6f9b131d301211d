"""Google's way of refusing: the error body of its APIs, and the name of an unknown key."""

import msgspec

from dragoman.testing.exchange import json_answer
from dragoman.testing.json_value import JSON
from dragoman.testing.rules.refusal import RefusedError

_DETAIL = "type.googleapis.com/google.rpc."


class Violation(msgspec.Struct, frozen=True):
    """One thing wrong with the request's JSON: the field's path in proto spelling, and what is wrong."""

    field: str
    description: str


def refused(
    message: str, code: int = 400, status: str = "INVALID_ARGUMENT", details: list[JSON] | None = None
) -> RefusedError:
    """Google's error body around a message."""
    error: dict[str, JSON] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = details
    return RefusedError(json_answer(code, msgspec.json.encode({"error": error})))


def malformed(violations: list[Violation]) -> RefusedError:
    """All that is wrong with the request's JSON at once, as Google's JSON reader reports it."""
    found: list[JSON] = [
        {"field": violation.field, "description": violation.description} for violation in violations
    ]
    return refused(
        "\n".join(violation.description for violation in violations),
        details=[{"@type": f"{_DETAIL}BadRequest", "fieldViolations": found}],
    )


def invalid_key() -> RefusedError:
    """The key is not one of Google's. It is no 401: that is kept for OAuth."""
    message = "API key not valid. Please pass a valid API key."
    return refused(
        message,
        details=[
            {
                "@type": f"{_DETAIL}ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
            {"@type": f"{_DETAIL}LocalizedMessage", "locale": "en-US", "message": message},
        ],
    )


def field_error(path: str, problem: str) -> RefusedError:
    """A field whose value is of the right form and still wrong."""
    return refused(f"* GenerateContentRequest.{path}: {problem}\n")
