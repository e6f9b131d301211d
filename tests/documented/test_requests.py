"""Python's `requests`, as the vendors' documentation uses it."""

import requests
from tests.conftest import LiveGateway
from tests.documented.shapes import ChatChunk, ChatCompletion, GenerateContent, Message, PlainResponse, read


def test_a_chat_completion(gateway: LiveGateway, model: str) -> None:
    response = requests.post(
        f"{gateway.url}/v1/chat/completions",
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {gateway.key}"},
        json={"model": model, "messages": [{"role": "user", "content": "Hello!"}], "temperature": 0.7},
        timeout=20,
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"].startswith("req_")
    answer = read(response.content, ChatCompletion)
    assert answer.choices[0].message.content.startswith("Hello!")


def test_a_streamed_chat_completion(gateway: LiveGateway, model: str) -> None:
    with requests.post(
        f"{gateway.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {gateway.key}"},
        json={"model": model, "messages": [{"role": "user", "content": "Count to 30"}], "stream": True},
        stream=True,
        timeout=20,
    ) as response:
        assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
        assert response.headers["cache-control"] == "no-cache"
        lines: list[bytes] = [line for line in response.iter_lines() if line]
    assert lines[-1] == b"data: [DONE]"
    chunks = [read(line.removeprefix(b"data: "), ChatChunk) for line in lines[:-1]]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == " ".join(str(number) for number in range(1, 31))


def test_a_response(gateway: LiveGateway, model: str) -> None:
    response = requests.post(
        f"{gateway.url}/v1/responses",
        headers={"Authorization": f"Bearer {gateway.key}"},
        json={"model": model, "input": [{"role": "user", "content": "Hello!"}], "store": False},
        timeout=20,
    )
    assert response.status_code == 200
    assert response.headers["x-request-id"].startswith("req_")
    answer = read(response.content, PlainResponse)
    assert answer.output[0].content[0].text.startswith("Hello!")
    assert answer.store is False


def test_a_message(gateway: LiveGateway, model: str) -> None:
    response = requests.post(
        f"{gateway.url}/v1/messages",
        headers={"x-api-key": gateway.key, "anthropic-version": "2023-06-01"},
        json={
            "model": model,
            "max_tokens": 1024,
            "system": "You are a helpful assistant.",
            "messages": [{"role": "user", "content": "Hello, world"}],
        },
        timeout=20,
    )
    assert response.status_code == 200
    assert response.headers["request-id"].startswith("req_")
    answer = read(response.content, Message)
    assert answer.content[0].text.startswith("Hello!")


def test_generated_content(gateway: LiveGateway, model: str) -> None:
    response = requests.post(
        f"{gateway.url}/v1beta/models/{model}:generateContent",
        params={"key": gateway.key},
        json={"contents": [{"parts": [{"text": "Hello!"}]}]},
        timeout=20,
    )
    assert response.status_code == 200
    answer = read(response.content, GenerateContent)
    assert answer.candidates[0].content.parts[0].text.startswith("Hello!")


def test_every_error_has_the_documented_form(gateway: LiveGateway) -> None:
    chat = requests.post(f"{gateway.url}/v1/chat/completions", json={}, timeout=20)
    assert chat.status_code == 401
    assert chat.json()["error"].keys() == {"message", "type", "param", "code"}
    response = requests.post(f"{gateway.url}/v1/responses", json={}, timeout=20)
    assert response.status_code == 401
    assert response.json()["error"].keys() == {"message", "type", "param", "code"}
    message = requests.post(f"{gateway.url}/v1/messages", json={}, timeout=20)
    assert message.status_code == 401
    assert message.json().keys() == {"type", "error", "request_id"}
    assert message.json()["error"]["type"] == "authentication_error"
    content = requests.post(f"{gateway.url}/v1beta/models/flash:generateContent", json={}, timeout=20)
    assert content.status_code == 401
    assert content.json()["error"].keys() >= {"code", "message", "status"}
    assert content.json()["error"]["code"] == 401


def test_the_models_have_the_documented_form(gateway: LiveGateway) -> None:
    openai = requests.get(
        f"{gateway.url}/v1/models", headers={"Authorization": f"Bearer {gateway.key}"}, timeout=20
    ).json()
    assert openai["object"] == "list"
    assert all(one.keys() == {"id", "object", "created", "owned_by"} for one in openai["data"])
    anthropic = requests.get(
        f"{gateway.url}/v1/models",
        headers={"x-api-key": gateway.key, "anthropic-version": "2023-06-01"},
        timeout=20,
    ).json()
    assert anthropic.keys() == {"data", "has_more", "first_id", "last_id"}
    assert all(one["type"] == "model" and one["display_name"] for one in anthropic["data"])
    google = requests.get(f"{gateway.url}/v1beta/models", params={"key": gateway.key}, timeout=20).json()
    assert all(one["name"].startswith("models/") for one in google["models"])
    assert (
        [one["id"] for one in openai["data"]]
        == [one["id"] for one in anthropic["data"]]
        == [one["name"].removeprefix("models/") for one in google["models"]]
    )
