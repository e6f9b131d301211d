"""JSON text as the wire formats need it: errors that name the field, and numbers left as written."""

import re
from collections.abc import Collection
from typing import TypeVar

import msgspec
from msgspec import inspect

from dragoman.conversation.failure import Failure, FailureError, FailureKind, invalid
from dragoman.dialects.json_tree import ANY, UNREADABLE

T = TypeVar("T")

_MEMBER = re.compile(rb'[\s{,]*"(?:[^"\\]|\\.)*"\s*:\s*')
_AT = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_TYPES = re.compile(r"`(\w+(?: \| \w+)*)`")
_STEP = re.compile(r"\[[^\]]*\]|\w+")
_NOT_ALLOWED = re.compile(r"Invalid (?:enum )?value (?P<value>'.*'|\S+)", re.DOTALL)

_NAMES = {"int": "integer", "float": "number", "str": "string", "bool": "boolean"}
"""JSON's names for types that msgspec calls otherwise."""


def decode_request(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The client's JSON as a checked value.

    Raises `FailureError` (invalid request) that says where the JSON breaks off, or which field is
    wrong and what was expected there.
    """
    try:
        if not body.isascii():
            body.decode()  # members that are passed on unread are not looked at below
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise field_error(error, decoder=decoder) from None
    except msgspec.DecodeError as error:
        raise invalid(f"The request body is not valid JSON: {error}.") from None
    except UnicodeDecodeError:
        raise invalid("The request body is not valid UTF-8.") from None
    except RecursionError:
        raise invalid("The request body is nested too deeply.") from None


_SMALL = 2048
"""Bytes of a body that are read a second time sooner than some of its members are put together anew."""


def decode_some(
    decoder: msgspec.json.Decoder[T], body: bytes, fields: dict[str, msgspec.Raw], names: Collection[str]
) -> T:
    """Some of the `fields` of the client's JSON object, as a checked value that has no others.

    Raises `FailureError` as `decode_request` does.
    """
    if len(body) > _SMALL:
        wanted = {name: value for name, value in fields.items() if name in names}
        body = msgspec.json.encode(wanted)
    return decode_request(decoder, body)


def opens_with(raw: msgspec.Raw, brackets: bytes) -> bool:
    """Whether JSON text begins with one of these bytes, which tells its type."""
    view = memoryview(raw)
    return len(view) > 0 and view[0] in brackets


def is_given(raw: msgspec.Raw) -> bool:
    """Whether a member was sent, and is not null."""
    return len(raw) > 0 and memoryview(raw)[0] != _NULL


def is_empty_array(raw: msgspec.Raw) -> bool:
    """Whether JSON text is an array with nothing in it."""
    view = memoryview(raw)
    # in nearly all arrays, the second byte belongs to the first element: then nothing is copied
    return view[0] == _OPEN and view[1] in _BLANK_OR_END and not bytes(view[1:-1]).strip()


_OPEN, _NULL = ord("["), ord("n")
_BLANK_OR_END = b" \t\r\n]"


def field_error(
    error: msgspec.ValidationError, prefix: str = "", decoder: msgspec.json.Decoder[T] | None = None
) -> FailureError:
    """A validation error as a failure whose `param` is the path of the field, such as `tools[0].name`.

    `prefix` is the path of the checked value itself, when it is not the whole body. The `decoder` that
    found the error knows the words that a field may hold, which the error does not say.
    """
    match = _AT.match(str(error))
    problem = match["problem"] if match else str(error)
    path = (match["path"] or "" if match else "").replace("$.", "$", 1).removeprefix("$")
    missing = re.match(r"Object missing required field `(?P<name>[^`]+)`", problem)
    if missing:
        path = f"{path}.{missing['name']}".lstrip(".")
        path = f"{prefix}{_joint(prefix, path)}{path}"
        return _at(path, "this field is required.", "missing_required_parameter")
    problem = _reworded(problem, path, decoder)
    if not path and not prefix:
        return invalid(f"The request body must be a JSON object: {problem}.")
    return _at(f"{prefix}{_joint(prefix, path)}{path}", f"{problem}.", "invalid_value")


def _reworded(problem: str, path: str, decoder: msgspec.json.Decoder[T] | None) -> str:
    """What is wrong, in words of JSON instead of Python, and without the null that stands for absence."""
    if (refused := _NOT_ALLOWED.fullmatch(problem)) is not None:
        words = _allowed(decoder, path)
        return f"{refused['value']} is not known here" + (f"; expected {words}" if words else "")
    return _lower(_TYPES.sub(_json_types, problem))


def _json_types(types: re.Match[str]) -> str:
    names = [_NAMES.get(name, name) for name in types[1].split(" | ")]
    return f"`{' | '.join(name for name in names if name != 'null') or 'null'}`"


def _allowed(decoder: msgspec.json.Decoder[T] | None, path: str) -> str:
    """The words that may stand at a path, where only some do; else empty."""
    if decoder is None:
        return ""
    kinds = _options(inspect.type_info(decoder.type))
    for step in _STEP.findall(path):
        kinds = [option for kind in kinds for option in _options(_inside(kind, step))]
    literals = [kind for kind in kinds if isinstance(kind, inspect.LiteralType)]
    return ", ".join(str(word) for kind in literals for word in kind.values)


def _options(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _inside(kind: inspect.Type, step: str) -> inspect.Type:
    """The type of a member or of an element, as far as the outer type says."""
    match kind:
        case inspect.StructType(tag_field=name, tag=tag) if name == step and tag is not None:
            return inspect.LiteralType((tag,))
        case inspect.StructType(fields=fields):
            found = (field.type for field in fields if field.encode_name == step)
            return next(found, inspect.AnyType())
        case inspect.ListType(item_type=inner):
            return inner
        case _:
            return inspect.AnyType()


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
        return text.lstrip()[:1] == "{" and isinstance(ANY.decode(text), dict)
    except UNREADABLE:
        return False


def raw(text: str | bytes) -> msgspec.Raw:
    """JSON text to be embedded as it stands: number text and key order survive."""
    return msgspec.Raw(text if isinstance(text, bytes) else text.encode())


def splice_model(body: bytes, fields: dict[str, msgspec.Raw], model: str) -> bytes:
    """The body with its top-level `model` replaced and every other byte as it was; see `splice_member`."""
    return splice_member(body, fields, "model", msgspec.json.encode(model))


def splice_member(body: bytes, fields: dict[str, msgspec.Raw], name: str, wanted: bytes) -> bytes:
    """The JSON object with the value of one member replaced and every other byte as it was.

    `fields` are the members of the object, as decoded from it. Where their places cannot be told (a
    member given twice), the object is encoded anew, its members' bytes untouched.
    """
    old = bytes(fields[name])
    spare = _spare(body, fields)
    if spare is not None:
        if old == wanted:
            return body
        start = _place_near(name, old, body, fields, spare)
    else:
        start = None
    if start is None:
        start = _place_of(name, body, fields)
        if start is None:
            return msgspec.json.encode({**fields, name: msgspec.Raw(wanted)})
        if old == wanted:
            return body
    return b"".join((body[:start], wanted, memoryview(body)[start + len(old) :]))


_SMALLEST = len(',"":0')
"""The bytes that a member takes at least, without its name."""


def _spare(body: bytes, fields: dict[str, msgspec.Raw]) -> int | None:
    """The bytes that the object has beyond those that its members need: white space, where they are too few
    for any member to be given twice. None where one may be.
    """
    needed = 1 + 4 * len(fields) + sum(map(len, fields)) + sum(map(len, fields.values()))
    spare = len(body) - needed
    return spare if spare < _SMALLEST or spare < _SMALLEST + min(map(len, fields)) else None


def _place_near(name: str, old: bytes, body: bytes, fields: dict[str, msgspec.Raw], spare: int) -> int | None:
    """Where the value of a member begins, in an object with little white space. None if that cannot be told:
    its name may be written with escapes.

    What stands before it tells its place but for the spare bytes, and those are too few for the end of
    the value before it to look like the member itself.
    """
    least = 1
    for key, value in fields.items():
        if key == name:
            break
        least += len(key) + len(value) + 4
    key = b'"%b"' % name.encode()
    at = body.find(key, least, least + spare + len(key))
    start = body.find(old, at + len(key)) if at >= 0 else -1
    return start if start >= 0 and body[at + len(key) : start].strip() == b":" else None


def _place_of(name: str, body: bytes, fields: dict[str, msgspec.Raw]) -> int | None:
    """Where the value of a top-level member begins; None if the body holds more than `fields`.

    The values' bytes are known, so they are stepped over and never searched: the same name may stand
    anywhere inside them. All are stepped over, to find a member that is given twice: the upstream
    might heed the one that the gateway did not.
    """
    found = None
    position = 0
    for key, value in fields.items():
        member = _MEMBER.match(body, position)
        if member is None or not body.startswith(value, member.end()):
            return None
        position = member.end()
        if key == name:
            found = position
        position += len(value)
    return found if body[position:].strip() == b"}" else None
