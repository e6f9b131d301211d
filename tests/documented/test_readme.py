"""The README's own words: its snippets run, its configuration loads, its endpoints are served."""

import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from tests.conftest import CLIENT_KEY, LiveGateway, serving
from tests.documented.shapes import ChatCompletion, read

from dragoman.config.file import load_settings
from dragoman.providers.environment import build_providers
from dragoman.routing.router import Router

README = Path(__file__).parents[2].joinpath("README.md").read_text("utf-8")


def code_after(words: str) -> str:
    """The first indented block that follows some words."""
    block = re.search(r"\n\n((?:    .*\n|\n)+)", README[README.index(words) :])
    assert block is not None
    return textwrap.dedent(block[1]).strip()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway as newcomers have it: no provider is configured, so the model `demo` answers."""
    config = f'[server]\nport = 0\n[auth]\nkeys = ["{CLIENT_KEY}"]\n[log]\nlevel = "error"\n'
    with serving(config, tmp_path_factory.mktemp("demo")) as running:
        yield running


def addressed(code: str, gateway: LiveGateway) -> str:
    """A snippet with the address and a key of a running gateway."""
    assert "http://127.0.0.1:4100" in code
    assert "KEY" in code
    return code.replace("http://127.0.0.1:4100", gateway.url).replace("KEY", gateway.key)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_call_is_answered(demo: LiveGateway) -> None:
    command = addressed(code_after("**curl**"), demo)
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=20, check=True)
    answer = read(done.stdout, ChatCompletion)
    assert answer.choices[0].message.content.startswith("Hello!")
    assert answer.model == "demo"


@pytest.mark.parametrize("name", ["OpenAI's SDK", "Anthropic's SDK", "Google's SDK"])
def test_the_snippet_for_an_sdk_prints_an_answer(demo: LiveGateway, name: str) -> None:
    code = addressed(code_after(f"**{name}**"), demo)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.startswith("Hello!")


def test_the_configuration_loads(tmp_path: Path) -> None:
    file = tmp_path / "dragoman.toml"
    file.write_text(code_after("write a TOML file"))
    environment = {"OPENAI_API_KEY": "sk-openai"}
    settings = load_settings(file, environment, None, None)
    router = Router(build_providers(settings, environment), settings.routes)
    sonnet = router.resolve("sonnet").targets
    assert [f"{one.provider.name}/{one.target.model}" for one in sonnet] == [
        "anthropic/claude-sonnet-4-5",
        "local/llama3",
    ]
    assert router.resolve("gpt-4o").targets[0].provider.api_key == "sk-openai"
    assert settings.server.port == 4100


MESSAGES = [{"role": "user", "content": "Hello!"}]
CONTENTS = [{"role": "user", "parts": [{"text": "Hello!"}]}]
EMBEDDER = "gemini/gemini-embedding-001"


class Endpoint(NamedTuple):
    """What an endpoint wants, a word of its answers, and its model, where no conversation is had there."""

    body: dict[str, object]
    says: str = "Hello!"
    model: str | None = None


GENERATION, COUNT = Endpoint({"contents": CONTENTS}), Endpoint({"contents": CONTENTS}, "totalTokens")
BODIES: dict[str, Endpoint] = {
    "/v1/chat/completions": Endpoint({"messages": MESSAGES}),
    "/v1/responses": Endpoint({"input": "Hello!"}),
    "/v1/responses/input_tokens": Endpoint({"input": "Hello!"}, "input_tokens"),
    "/v1/messages": Endpoint({"max_tokens": 50, "messages": MESSAGES}),
    "/v1/messages/count_tokens": Endpoint({"messages": MESSAGES}, "input_tokens"),
    "/v1/embeddings": Endpoint({"input": "Hello!"}, "embedding", EMBEDDER),
    "/v1/completions": Endpoint({"prompt": "Hello!"}, "text_completion", "openai/gpt-3.5-turbo-instruct"),
    "/dragoman/translate": Endpoint(
        {"from": "openai_chat", "to": "gemini", "request": {"model": "x", "messages": MESSAGES}}
    ),
    "/dragoman/explain": Endpoint({"request": {"messages": MESSAGES}}, "candidates"),
    ":generateContent": GENERATION,
    ":streamGenerateContent": GENERATION,
    ":countTokens": COUNT,
    ":embedContent": Endpoint({"content": CONTENTS[0]}, "embedding", EMBEDDER),
    ":batchEmbedContents": Endpoint(
        {"requests": [{"model": f"models/{EMBEDDER}", "content": CONTENTS[0]}]}, "embedding", EMBEDDER
    ),
}
ENDPOINTS = [
    *re.findall(r"`POST (/\S+)`", README),
    "/v1beta/models/{model}:streamGenerateContent",
    "/v1/models/{model}:generateContent",
    "/v1/models/{model}:streamGenerateContent",
    "/v1beta/models/{model}:countTokens",
    "/v1beta/models/{model}:embedContent",
    "/v1beta/models/{model}:batchEmbedContents",
]


@pytest.mark.parametrize("style", ["Authorization: Bearer", "x-api-key:", "x-goog-api-key:", "?key="])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_takes_the_key_in_every_style(
    gateway: LiveGateway, model: str, endpoint: str, style: str
) -> None:
    assert f"`{style.removesuffix(':')}" in README
    name, _, prefix = style.partition(":")
    inside = style.startswith("?")
    _, _, method = endpoint.partition(":")
    wanted = BODIES[f":{method}" if method else endpoint]
    model = wanted.model or model
    answer = requests.post(
        gateway.url + endpoint.replace("{model}", model),
        params={"key": gateway.key} if inside else {},
        headers={} if inside else {name: f"{prefix.strip()} {gateway.key}".strip()},
        json=wanted.body if method else {"model": model, **wanted.body},
        timeout=20,
    )
    assert answer.status_code == 200
    assert wanted.says in answer.text


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/sonnet", "/v1beta/models"])
def test_the_models_are_shown_to_every_asker(gateway: LiveGateway, path: str) -> None:
    assert f"{path}`".replace("sonnet", "{id}") in README
    for headers in (
        {"Authorization": f"Bearer {gateway.key}"},
        {"x-api-key": gateway.key, "anthropic-version": "2023-06-01"},
        {"x-goog-api-key": gateway.key},
    ):
        answer = requests.get(gateway.url + path, headers=headers, timeout=20)
        assert answer.status_code == 200
        assert "sonnet" in answer.text


def test_the_model_decides_where_a_request_goes(gateway: LiveGateway) -> None:
    """A bare name that a provider is known for, and `provider/model`, as the README has them."""
    for model in ("claude-sonnet-4-5", "gpt-4o", "anthropic/claude-opus-4-5"):
        assert model in README
        answer = requests.post(
            f"{gateway.url}/v1/chat/completions",
            headers={"Authorization": f"Bearer {gateway.key}"},
            json={"model": model, "messages": [{"role": "user", "content": "Hello!"}]},
            timeout=20,
        )
        assert read(answer.content, ChatCompletion).model == model.rpartition("/")[2]
