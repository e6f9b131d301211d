"""Every documented URL leads to its endpoint, and shared ones to the asker's dialect."""

import pytest

from dragoman.dialects.dialect import Location
from dragoman.server.endpoint import Generation, ModelEntry, ModelList, Nothing, endpoint


def dialect_of(path: str, query: bytes = b"", *headers: tuple[bytes, bytes]) -> str:
    return endpoint(path, query, list(headers)).dialect.name


@pytest.mark.parametrize(
    ("path", "dialect"), [("/v1/chat/completions", "openai_chat"), ("/v1/messages", "anthropic")]
)
def test_the_chat_endpoints_are_where_the_vendors_have_them(path: str, dialect: str) -> None:
    found = endpoint(path, b"beta=true", [])
    assert isinstance(found, Generation)
    assert found.dialect.name == dialect


@pytest.mark.parametrize("version", ["v1beta", "v1"])
@pytest.mark.parametrize(
    ("method", "query", "location"),
    [
        ("generateContent", b"", Location("gemini-2.5-flash", stream=False, sse=True)),
        ("streamGenerateContent", b"alt=sse", Location("gemini-2.5-flash", stream=True, sse=True)),
        ("streamGenerateContent", b"key=k&alt=sse", Location("gemini-2.5-flash", stream=True, sse=True)),
        ("streamGenerateContent", b"", Location("gemini-2.5-flash", stream=True, sse=False)),
    ],
)
def test_googles_methods_carry_model_and_framing_in_the_url(
    version: str, method: str, query: bytes, location: Location
) -> None:
    found = endpoint(f"/{version}/models/gemini-2.5-flash:{method}", query, [])
    assert isinstance(found, Generation)
    assert found.location == location
    assert found.dialect.name == "gemini"


@pytest.mark.parametrize("name", ["openai%2Fgpt-4o", "openai/gpt-4o"])
def test_a_model_name_with_a_slash_may_be_escaped_or_not(name: str) -> None:
    found = endpoint(f"/v1beta/models/{name}:generateContent", b"", [])
    assert isinstance(found, Generation)
    assert found.location.model == "openai/gpt-4o"


def test_a_tuned_model_keeps_its_collection() -> None:
    found = endpoint("/v1beta/tunedModels/mine:generateContent", b"", [])
    assert isinstance(found, Generation)
    assert found.location.model == "tunedModels/mine"


def test_a_models_name_may_hold_a_colon() -> None:
    found = endpoint("/v1beta/models/local/llama3:8b:generateContent", b"", [])
    assert isinstance(found, Generation)
    assert found.location.model == "local/llama3:8b"


@pytest.mark.parametrize(
    ("query", "headers", "dialect"),
    [
        (b"", [(b"authorization", b"Bearer k")], "openai_chat"),
        (b"", [], "openai_chat"),
        (b"", [(b"x-api-key", b"k")], "anthropic"),
        (b"", [(b"authorization", b"Bearer k"), (b"anthropic-version", b"2023-06-01")], "anthropic"),
        (b"", [(b"x-goog-api-key", b"k")], "gemini"),
        (b"key=k", [], "gemini"),
    ],
)
def test_the_model_list_is_in_the_askers_dialect(
    query: bytes, headers: list[tuple[bytes, bytes]], dialect: str
) -> None:
    found = endpoint("/v1/models", query, headers)
    assert isinstance(found, ModelList)
    assert found.dialect.name == dialect
    entry = endpoint("/v1/models/gpt-4o", query, headers)
    assert isinstance(entry, ModelEntry)
    assert entry.model == "gpt-4o"
    assert entry.dialect.name == dialect


def test_googles_model_list_is_googles() -> None:
    assert isinstance(endpoint("/v1beta/models", b"", []), ModelList)
    entry = endpoint("/v1beta/models/flash", b"", [])
    assert isinstance(entry, ModelEntry)
    assert (entry.model, entry.dialect.name) == ("flash", "gemini")


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1beta/files", "gemini"),
        ("/v1/messages/batches", "anthropic"),
        ("/v1/embeddings-not", "openai_chat"),
        ("/", "openai_chat"),
        ("/v1/models/", "openai_chat"),
    ],
)
def test_an_unknown_path_is_refused_in_the_likeliest_dialect(path: str, dialect: str) -> None:
    found = endpoint(path, b"", [])
    assert isinstance(found, Nothing)
    assert found.dialect.name == dialect
