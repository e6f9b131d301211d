"""JSON text as the wire formats need it: errors that name the field, and numbers left as written."""

import re
from typing import TypeVar

import msgspec

from dragoman.conversation.failure import Failure, FailureError, FailureKind, invalid

T = TypeVar("T")

_MEMBER = re.compile(rb'[\s{,]*"(?:[^"\\]|\\.)*"\s*:\s*')
_AT = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


def decode_request(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The client's JSON as a checked value.

    Raises `FailureError` (invalid request) that says where the JSON breaks off, or which field is
    wrong and what was expected there.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise field_error(error) from None
    except msgspec.DecodeError as error:
        raise invalid(f"The request body is not valid JSON: {error}.") from None
    except UnicodeDecodeError:
        raise invalid("The request body is not valid UTF-8.") from None
    except RecursionError:
        raise invalid("The request body is nested too deeply.") from None


def field_error(error: msgspec.ValidationError, prefix: str = "") -> FailureError:
    """A validation error as a failure whose `param` is the path of the field, such as `tools[0].name`.

    `prefix` is the path of the checked value itself, when it is not the whole body.
    """
    match = _AT.match(str(error))
    problem = match["problem"] if match else str(error)
    path = (match["path"] or "" if match else "").replace("$.", "$", 1).removeprefix("$")
    missing = re.match(r"Object missing required field `(?P<name>[^`]+)`", problem)
    if missing:
        path = f"{path}.{missing['name']}".lstrip(".")
        path = f"{prefix}{_joint(prefix, path)}{path}"
        return _at(path, "this field is required.", "missing_required_parameter")
    if not path and not prefix:
        return invalid(f"The request body must be a JSON object: {_lower(problem)}.")
    return _at(f"{prefix}{_joint(prefix, path)}{path}", f"{_lower(problem)}.", "invalid_value")


def _at(path: str, problem: str, code: str) -> FailureError:
    return invalid(f"'{path}': {problem}", param=path, code=code)


def _joint(prefix: str, path: str) -> str:
    return "." if prefix and path and not path.startswith("[") else ""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def decode_upstream(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """An upstream's JSON as a value. Raises `FailureError` (bad gateway) for anything else."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FailureError(
            Failure(FailureKind.BAD_GATEWAY, f"The upstream's answer could not be read: {error}")
        ) from None


def is_json_object(text: str) -> bool:
    """Whether the text is one valid JSON object, nothing before or after it."""
    try:
        return text.lstrip()[:1] == "{" and isinstance(_ANY.decode(text), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


_ANY: msgspec.json.Decoder[object] = msgspec.json.Decoder(object)


def raw(text: str | bytes) -> msgspec.Raw:
    """JSON text to be embedded as it stands: number text and key order survive."""
    return msgspec.Raw(text if isinstance(text, bytes) else text.encode())


def splice_model(body: bytes, fields: dict[str, msgspec.Raw], model: str) -> bytes:
    """The body with its top-level `model` replaced and every other byte as it was.

    `fields` are the members of the body's top level, as decoded from it. Where their places cannot be
    told (a member given twice), the top level is encoded anew, its members' bytes untouched.
    """
    wanted = msgspec.json.encode(model)
    old = bytes(fields["model"])
    if old == wanted:
        return body
    start = _place_of("model", body, fields)
    if start is None:
        return msgspec.json.encode({**fields, "model": msgspec.Raw(wanted)})
    return b"".join((body[:start], wanted, body[start + len(old) :]))


def _place_of(name: str, body: bytes, fields: dict[str, msgspec.Raw]) -> int | None:
    """Where the value of a top-level member begins.

    The values' bytes are known, so they are stepped over and never searched: the same name may stand
    anywhere inside them.
    """
    position = 0
    for key, value in fields.items():
        member = _MEMBER.match(body, position)
        if member is None:
            return None
        position = member.end()
        if key == name:
            return position if body.startswith(memoryview(value), position) else None
        position += len(memoryview(value))
    return None
