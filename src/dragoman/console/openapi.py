"""The document of the management API (OpenAPI 3.1), made from the operations that serve it."""

import re
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from dragoman import __version__
from dragoman.console.field_texts import field_texts
from dragoman.console.opening import BASE
from dragoman.console.operation import Operation
from dragoman.console.problem import STATUS, ProblemAnswer, ProblemType

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
Object: TypeAlias = "dict[str, JSON]"

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_EVERYWHERE: tuple[ProblemType, ...] = (
    "invalid_request",
    "authentication",
    "permission",
    "rate_limit",
    "server",
    "unavailable",
)
_WITH_BODY: tuple[ProblemType, ...] = ("timeout", "too_large", "unsupported_media_type")
_TEXTS: dict[ProblemType, str] = {
    "invalid_request": "A field or a parameter cannot be meant so; `param` names it.",
    "authentication": "No key, or not the admin key.",
    "permission": "No admin key is configured, or a page of another origin asks.",
    "not_found": "There is no such thing, or none any more.",
    "method_not_allowed": "The path takes other methods.",
    "timeout": "The body did not come in time.",
    "conflict": "Something else is in the way, such as another one of the same name.",
    "precondition_failed": "It was changed since it was read (`If-Match`).",
    "too_large": "The body is too large.",
    "unsupported_media_type": "The body is not said to be JSON.",
    "rate_limit": "Too many wrong keys came from this address; `Retry-After` says when to go on.",
    "server": "A bug of the gateway.",
    "unavailable": "The store cannot be used right now.",
}
_PARTS = {
    "key": "The id or the name of a key.",
    "team": "The id or the name of a team.",
    "request": "The id of a request, as the answer's header `x-request-id` has it.",
    "kind": "`request` or `answer`.",
}
_PART = re.compile(r"\{(\w+)\}")
_ABOUT = (
    "Keys, teams, budgets and the ledger of a Dragoman gateway. Amounts are in US dollars, times in "
    "RFC 3339, durations in seconds. Every request needs the key `auth.admin_key` of the configuration."
)


def document(operations: Sequence[Operation]) -> Object:
    """The document for these operations."""
    kinds = _kinds(operations)
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for kind in _structs(kinds):
        _describe(components.get(kind.__name__, {}), kind)
    names = {kind: _json(schema) for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, JSON] = {}
    for operation in operations:
        place = paths.setdefault(BASE + operation.path, {})
        if isinstance(place, dict):
            place[operation.method.lower()] = _operation(operation, names, components)
    used = {kind.__name__ for kind in kinds if any(kind is operation.parameters for operation in operations)}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {"title": "Dragoman management API", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"header": []}],
        "paths": paths,
        "components": {
            "schemas": {name: _json(schema) for name, schema in components.items() if name not in used},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _operation(
    operation: Operation, names: dict[type[msgspec.Struct], JSON], components: dict[str, dict[str, object]]
) -> Object:
    found: Object = {
        "operationId": operation.name,
        "tags": [operation.path.split("/")[1] or "about"],
        "summary": operation.summary,
    }
    if operation.description:
        found["description"] = operation.description
    parameters = [*_path_parameters(operation), *_parameters(operation, components), *_conditions(operation)]
    if parameters:
        found["parameters"] = parameters
    if operation.body is not None:
        content = _content(names[operation.body], operation.body_example)
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    found["responses"] = _responses(operation, names)
    return found


def _path_parameters(operation: Operation) -> list[JSON]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARTS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _PART.findall(operation.path)
    ]


def _parameters(operation: Operation, components: dict[str, dict[str, object]]) -> list[JSON]:
    """The parameters behind the question mark, which one struct describes together."""
    if operation.parameters is None:
        return []
    whole = msgspec.convert(components[operation.parameters.__name__], _Described)
    found: list[JSON] = []
    for name, properties in whole.properties.items():
        schema = _object(properties)
        described: Object = {"name": name, "in": "query", "required": name in whole.required}
        if (text := schema.pop("description", None)) is not None:
            described["description"] = text
        found.append({**described, "schema": schema})
    return found


def _conditions(operation: Operation) -> list[JSON]:
    text: JSON = {"type": "string"}
    found: list[JSON] = []
    if operation.conditional:
        about = "The `ETag` of what is to be changed: if it was changed meanwhile, nothing is (status 412)."
        found.append(
            {"name": "If-Match", "in": "header", "required": False, "description": about, "schema": text}
        )
    return found


def _responses(operation: Operation, names: dict[type[msgspec.Struct], JSON]) -> Object:
    good: Object = {"description": "Done." if operation.status == 204 else "What was asked for."}
    if operation.tagged:
        good["headers"] = {"ETag": {"description": "Stands for this state.", "schema": {"type": "string"}}}
    if operation.answer is not None:
        answer = _content(names[operation.answer], operation.answer_example)
        good["content"] = {"application/json": answer}
    elif operation.media_types:
        good["content"] = {kind: {} for kind in operation.media_types}
    found: Object = {str(operation.status): good}
    possible: set[ProblemType] = {
        *_EVERYWHERE,
        *operation.problems,
        *(_WITH_BODY if operation.body is not None else ()),
    }
    for kind, status in STATUS.items():
        if kind not in possible:
            continue
        problem: Object = {
            "description": _TEXTS[kind],
            "content": {"application/json": {"schema": names[ProblemAnswer]}},
        }
        if kind == "rate_limit":
            about = "Seconds after which to try again."
            problem["headers"] = {"Retry-After": {"description": about, "schema": {"type": "integer"}}}
        found[str(status)] = problem
    return found


def _content(schema: JSON, example: msgspec.Struct | None) -> Object:
    return {"schema": schema} if example is None else {"schema": schema, "example": _json(example)}


class _Described(msgspec.Struct, frozen=True):
    """What a struct's schema says of its fields."""

    properties: dict[str, dict[str, object]] = {}
    required: tuple[str, ...] = ()


def _describe(schema: dict[str, object], kind: type[msgspec.Struct]) -> None:
    """Say of every field what it is."""
    texts = field_texts(kind)
    properties = msgspec.convert(schema, _Described).properties
    for field in msgspec.structs.fields(kind):
        if (text := texts.get(field.name)) and field.encode_name in properties:
            properties[field.encode_name].setdefault("description", text)
    schema["properties"] = properties


def _kinds(operations: Sequence[Operation]) -> list[type[msgspec.Struct]]:
    """The types that operations name, each once."""
    named = [
        kind for one in operations for kind in (one.parameters, one.body, one.answer) if kind is not None
    ]
    return list(dict.fromkeys([ProblemAnswer, *named]))


def _structs(kinds: Sequence[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """These types and all structs inside them."""
    found: dict[type[msgspec.Struct], None] = {}
    left = [msgspec.inspect.type_info(kind) for kind in kinds]
    while left:
        match left.pop():
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                if cls not in found:
                    found[cls] = None
                    left.extend(field.type for field in fields)
            case msgspec.inspect.UnionType(types=types):
                left.extend(types)
            case msgspec.inspect.VarTupleType(item_type=inner) | msgspec.inspect.ListType(item_type=inner):
                left.append(inner)
            case msgspec.inspect.DictType(value_type=inner):
                left.append(inner)
            case _:
                pass
    return list(found)


def _json(value: object) -> JSON:
    """A value as JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _object(value: object) -> Object:
    found = _json(value)
    return found if isinstance(found, dict) else {}
