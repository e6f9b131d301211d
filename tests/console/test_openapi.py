"""The document: it is well formed, it has everything, and it says the truth."""

import json
import re
from collections.abc import Iterator

import pytest
from tests.console.api import BASE, Api, Told
from tests.console.entries import entry, written
from tests.console.schema import problems, resolved

from dragoman.store.engine import Database
from dragoman.store.entry import BodyEntry
from dragoman.testing.json_value import JSON, Object

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)]

METHODS = {"get", "post", "patch", "delete"}


async def described(api: Api) -> Object:
    return (await api.get("/openapi.json")).json


def operations(document: Object) -> Iterator[tuple[str, str, Object]]:
    """Method, path and description of every operation."""
    paths = document["paths"]
    assert isinstance(paths, dict)
    for path, place in paths.items():
        assert isinstance(place, dict)
        for method, operation in place.items():
            assert isinstance(operation, dict)
            yield method, path, operation


def member(value: JSON, *names: str) -> JSON:
    """A member of members."""
    for name in names:
        assert isinstance(value, dict)
        value = value[name]
    return value


async def test_the_document_is_well_formed(api: Api) -> None:
    document = await described(api)
    assert document["openapi"] == "3.1.0"
    assert set(document) == {
        *("openapi", "jsonSchemaDialect", "info", "servers", "security", "paths", "components"),
    }
    names: list[JSON] = []
    for method, path, operation in operations(document):
        assert method in METHODS
        assert path.startswith(BASE)
        names.append(operation["operationId"])
        assert operation["summary"]
        parameters = operation.get("parameters", [])
        assert isinstance(parameters, list)
        places = [(str(member(one, "in")), str(member(one, "name"))) for one in parameters]
        assert len(set(places)) == len(places)
        assert {name for place, name in places if place == "path"} == set(re.findall(r"\{(\w+)\}", path))
        assert all(member(one, "description") for one in parameters), (method, path)
        responses = member(operation, "responses")
        assert isinstance(responses, dict)
        for status, response in responses.items():
            assert status.isdigit()
            assert member(response, "description")
    assert len(set(map(str, names))) == len(names)


async def test_every_reference_leads_somewhere_and_every_schema_is_used(api: Api) -> None:
    document = await described(api)
    text = json.dumps(document)
    references = set(re.findall(r'"\$ref": "([^"]+)"', text))
    for reference in references:
        resolved(reference, document)
    schemas = member(document, "components", "schemas")
    assert isinstance(schemas, dict)
    assert {f"#/components/schemas/{name}" for name in schemas} == references


async def test_every_field_says_what_it_is(api: Api) -> None:
    document = await described(api)
    schemas = member(document, "components", "schemas")
    assert isinstance(schemas, dict)
    for name, schema in schemas.items():
        if name == "UsageCounts":
            continue  # the names of kinds of tokens
        properties = member(schema, "properties")
        assert isinstance(properties, dict)
        for field, found in properties.items():
            assert isinstance(found, dict)
            assert found.get("description") or "$ref" in found, f"{name}.{field}"


async def test_every_route_is_in_the_document(api: Api) -> None:
    listed = {
        (str(one["method"]).lower(), str(one["path"])) for one in (await api.get("/")).list("operations")
    }
    assert {(method, path) for method, path, _ in operations(await described(api))} == listed
    assert len(listed) >= 20


async def test_every_example_keeps_its_schema(api: Api) -> None:
    document = await described(api)
    seen = 0
    for method, path, operation in operations(document):
        contents = [member(operation, "requestBody", "content")] if "requestBody" in operation else []
        responses = operation["responses"]
        assert isinstance(responses, dict)
        answers = [one for one in responses.values() if isinstance(one, dict)]
        contents += [one["content"] for one in answers if "content" in one]
        for content in contents:
            media = member(content, "application/json") if "application/json" in str(content) else {}
            if isinstance(media, dict) and "example" in media:
                seen += 1
                assert not list(problems(media["example"], media["schema"], document)), (method, path)
    assert seen >= 20


async def test_real_answers_keep_the_schemas_of_their_operations(api: Api, database: Database) -> None:
    document = await described(api)
    budget = {"budgets": [{"amount": 5, "per": "month", "zone": "UTC"}], "limits": [{"requests": 5}]}
    await written(
        database,
        entry(1, bodies=(BodyEntry("request", "application/json", b"{}"),)),
        entry(2, cost=None, total=None, first_token=None, attempts=()),
    )
    team = await api.post("/teams", {"name": "research", **budget})
    order = {"name": "ada", "team": "research", "expires": "2027-01-01T00:00:00Z", **budget}
    key = await api.post("/keys", order)
    told: list[tuple[str, str, Told]] = [
        ("post", "/teams", team),
        ("post", "/keys", key),
        ("get", "/teams", await api.get("/teams")),
        ("get", "/teams/{team}", await api.get("/teams/research")),
        ("patch", "/teams/{team}", await api.patch("/teams/research", {"max_concurrent": 2})),
        ("get", "/keys", await api.get("/keys")),
        ("get", "/keys/{key}", await api.get("/keys/ada")),
        ("patch", "/keys/{key}", await api.patch("/keys/ada", {"owner": "a"})),
        ("post", "/keys/{key}/rotate", await api.post("/keys/ada/rotate", {"overlap": 5})),
        ("post", "/keys/{key}/disable", await api.post("/keys/ada/disable")),
        ("post", "/keys/{key}/enable", await api.post("/keys/ada/enable")),
        ("get", "/budgets", await api.get("/budgets")),
        ("get", "/requests", await api.get("/requests")),
        ("get", "/requests/{request}", await api.get("/requests/req_1")),
        ("get", "/requests/{request}", await api.get("/requests/req_2")),
        ("get", "/requests/{request}/bodies/{kind}", await api.get("/requests/req_1/bodies/request")),
        ("get", "/usage", await api.get("/usage", by="key")),
        ("get", "/summary", await api.get("/summary", by="team")),
        ("get", "/", await api.get("/")),
        ("get", "/openapi.json", await api.get("/openapi.json")),
        ("delete", "/keys/{key}", await api.delete("/keys/ada")),
        ("delete", "/teams/{team}", await api.delete("/teams/research")),
        ("get", "/keys/{key}", await api.get("/keys/ada")),
        ("post", "/keys", await api.post("/keys", {})),
        ("get", "/keys", await api.presenting(None).get("/keys")),
    ]
    for method, path, answer in told:
        check(answer, member(document, "paths", BASE + path, method), document)
    asked = {(method, BASE + path) for method, path, _ in told}
    assert asked == {(method, path) for method, path, _ in operations(document)}


def check(answer: Told, operation: JSON, document: Object) -> None:
    """That an answer is one of those that the document knows for its operation."""
    response = member(operation, "responses", str(answer.status))
    assert isinstance(response, dict)
    if "content" not in response:
        assert answer.body == b""
        return
    content = member(response, "content", answer.headers["content-type"])
    assert isinstance(content, dict)
    if "schema" in content:
        assert list(problems(answer.json, content["schema"], document)) == []
    if "headers" in response and "ETag" in str(response["headers"]):
        assert answer.headers["etag"]
