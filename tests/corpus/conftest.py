"""Recorded exchanges with real providers, where a collection of them is at hand.

The collection is not part of the project. `DRAGOMAN_CORPUS` names its folder; without it, it is
looked for in `../shared/corpus` beside the checkout, and the tests are skipped if it is not there.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("DRAGOMAN_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
APIS = {
    "chat.completions": "openai_chat",
    "responses": "openai_responses",
    "messages": "anthropic",
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that asks for an `entry` every recording that its marker selects."""
    if "entry" not in metafunc.fixturenames:
        return
    index_file = FOLDER / "index.json"
    if not index_file.exists():
        reason = f"no recorded exchanges in {FOLDER}; DRAGOMAN_CORPUS may name another folder"
        metafunc.parametrize("entry", [pytest.param(None, marks=pytest.mark.skip(reason=reason))])
        return
    marker = metafunc.definition.get_closest_marker("recordings")
    wanted: dict[str, object] = dict(marker.kwargs) if marker else {}
    index: dict[str, dict[str, Any]] = json.loads(index_file.read_text())
    names = [
        name
        for name, facts in index.items()
        if facts["api"] in APIS and all(_fits(facts, key, value) for key, value in wanted.items())
    ]
    labels = [APIS[index[name]["api"]] + "-" + name for name in names]
    metafunc.parametrize("entry", names, ids=labels)


def _fits(facts: dict[str, Any], key: str, value: object) -> bool:
    if key == "good":
        return facts["status"] == 200
    return facts[key] in value if isinstance(value, frozenset) else facts[key] == value


@pytest.fixture
def recording(entry: str) -> dict[str, Any]:
    """One recorded exchange, with `dialect` added."""
    index: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())
    recorded: dict[str, Any] = json.loads((FOLDER / index[entry]["file"]).read_text())
    request = recorded.get("request")
    if (
        recorded["provider"] in {"vertex", "azure"}
        and request
        and "generateContent" not in recorded["api"].lower()
    ):
        # these two have the model in the URL
        recorded["request"] = {"model": "model", **{k: v for k, v in request.items() if v is not None}}
    elif request and "model" not in request and "prompt" in request:
        # a prompt that OpenAI keeps names the model, which a gateway has to be told to route by it
        recorded["request"] = {"model": "model", **request}
    return {**recorded, "dialect": APIS[recorded["api"]], "streamed": index[entry]["stream"]}
