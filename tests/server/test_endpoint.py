"""Every documented URL leads to its endpoint, and shared ones to the asker's dialect."""

import pytest

from dragoman.dialects.dialect import Location
from dragoman.server.endpoint import (
    METHODS,
    Cancellation,
    Embeddings,
    Generation,
    Greeting,
    KeptAnswer,
    KeptItems,
    Liveness,
    MetricsPage,
    ModelEntry,
    ModelList,
    Nothing,
    Readiness,
    TargetStates,
    TokenCount,
    Translate,
    endpoint,
)


def dialect_of(path: str, query: bytes = b"", *headers: tuple[bytes, bytes]) -> str:
    return endpoint(path, query, list(headers)).dialect.name


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", "openai_chat"),
        ("/v1/completions", "openai_completions"),
        ("/v1/responses", "openai_responses"),
        ("/v1/messages", "anthropic"),
    ],
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


@pytest.mark.parametrize(
    ("path", "dialect", "location"),
    [
        ("/v1/messages/count_tokens", "anthropic", Location()),
        ("/v1/responses/input_tokens", "openai_responses", Location()),
        ("/v1beta/models/flash:countTokens", "gemini", Location("flash")),
        ("/v1/models/openai%2Fgpt-4o:countTokens", "gemini", Location("openai/gpt-4o")),
        ("/v1beta/tunedModels/mine:countTokens", "gemini", Location("tunedModels/mine")),
    ],
)
def test_counts_are_asked_for_where_the_vendors_have_them(
    path: str, dialect: str, location: Location
) -> None:
    found = endpoint(path, b"beta=true", [])
    assert isinstance(found, TokenCount)
    assert (found.dialect.name, found.location) == (dialect, location)


@pytest.mark.parametrize(
    ("path", "dialect", "location"),
    [
        ("/v1/embeddings", "openai_chat", Location()),
        ("/v1beta/models/e:embedContent", "gemini", Location("e")),
        ("/v1/models/e:batchEmbedContents", "gemini", Location("e", batch=True)),
    ],
)
def test_embeddings_are_asked_for_where_the_vendors_have_them(
    path: str, dialect: str, location: Location
) -> None:
    found = endpoint(path, b"", [])
    assert isinstance(found, Embeddings)
    assert (found.dialect.name, found.location) == (dialect, location)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/health/live", Liveness),
        ("/health/ready", Readiness),
        ("/metrics", MetricsPage),
        ("/dragoman/health", TargetStates),
    ],
)
def test_operators_have_paths_of_their_own(path: str, kind: type) -> None:
    found = endpoint(path, b"", [(b"x-api-key", b"k")])
    assert isinstance(found, kind)
    assert METHODS[type(found)] == ("GET",)
    assert isinstance(endpoint(f"{path}/", b"", []), Nothing)


def test_kept_answers_have_paths_of_their_own() -> None:
    dialect = endpoint("/v1/responses", b"", []).dialect
    assert endpoint("/v1/responses/resp_1", b"stream=true", []) == KeptAnswer(dialect, "resp_1")
    assert endpoint("/v1/responses/resp%5F1/input_items", b"", []) == KeptItems(dialect, "resp_1")
    assert endpoint("/v1/responses/resp_1/cancel", b"", []) == Cancellation(dialect, "resp_1")
    for path in ("/v1/responses/", "/v1/responses//cancel", "/v1/responses/r/", "/v1/responses/r/other"):
        assert endpoint(path, b"", []) == Nothing(dialect)
    compact = endpoint("/v1/responses/compact", b"", [])
    assert isinstance(compact, Nothing)
    assert compact.advice


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("/openai/v1/chat/completions", "/v1/chat/completions"),
        ("/openai/chat/completions", "/v1/chat/completions"),
        ("/openai/responses", "/v1/responses"),
        ("/openai/v1/responses/resp_1/input_items", "/v1/responses/resp_1/input_items"),
        ("/openai/embeddings", "/v1/embeddings"),
        ("/openai/completions", "/v1/completions"),
        ("/openai/models", "/v1/models"),
        ("/openai/v1/models/gpt-4o", "/v1/models/gpt-4o"),
        ("/anthropic/v1/messages", "/v1/messages"),
        ("/anthropic/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/anthropic/api/hello", "/api/hello"),
        ("/genai/v1beta/models", "/v1beta/models"),
        ("/genai/v1beta/models/flash:generateContent", "/v1beta/models/flash:generateContent"),
        ("/genai/v1/models/flash:embedContent", "/v1/models/flash:embedContent"),
    ],
)
def test_each_vendors_clients_have_a_home_with_the_same_endpoints(path: str, same: str) -> None:
    assert endpoint(path, b"", []) == endpoint(same, b"", [])


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/openai/v1/models", "openai_chat"),
        ("/openai/models/sonnet", "openai_chat"),
        ("/anthropic/v1/models", "anthropic"),
        ("/anthropic/v1/models/gpt-4o", "anthropic"),
        ("/genai/v1/models", "gemini"),
        ("/genai/v1/models/flash", "gemini"),
    ],
)
def test_at_home_the_path_tells_the_dialect_whatever_the_credentials(path: str, dialect: str) -> None:
    for headers in ([(b"x-api-key", b"k")], [(b"x-goog-api-key", b"k")], [(b"authorization", b"Bearer k")]):
        found = endpoint(path, b"", headers)
        assert isinstance(found, ModelList | ModelEntry)
        assert found.dialect.name == dialect


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/openai/v1/messages", "openai_chat"),
        ("/openai/v1beta/models", "openai_chat"),
        ("/openai/", "openai_chat"),
        ("/anthropic/v1/chat/completions", "anthropic"),
        ("/anthropic/messages", "anthropic"),
        ("/genai/v1/messages", "gemini"),
        ("/genai/x", "gemini"),
    ],
)
def test_at_home_nothing_of_another_vendors_is_served(path: str, dialect: str) -> None:
    assert endpoint(path, b"", []) == Nothing(endpoint(f"{path.partition('/v1')[0]}/", b"", []).dialect)
    assert dialect_of(path) == dialect


def test_translation_and_greeting_have_their_places() -> None:
    assert endpoint("/dragoman/translate", b"", [(b"x-api-key", b"k")]) == Translate(
        endpoint("/v1/messages", b"", []).dialect
    )
    assert isinstance(endpoint("/api/hello", b"", []), Greeting)


def test_every_endpoint_but_nothing_says_its_methods() -> None:
    assert METHODS[KeptAnswer] == ("GET", "DELETE")
    assert Nothing not in METHODS
    assert all(methods for methods in METHODS.values())
