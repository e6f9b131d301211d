"""Agent loops of the vendors' SDKs run on upstreams of every dialect: the SDK runs the tools, over and over,
until the model has nothing more to ask for.
"""

import json
from collections.abc import Callable
from pathlib import Path

import anthropic
import openai
import pytest
from anthropic import beta_tool
from google import genai
from google.genai import types as google
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import ResponseInputParam
from tests.clients.scripted_model import ScriptedModel, Use
from tests.clients.upstream import UPSTREAMS, Upstream, way_to
from tests.conftest import LiveGateway

PROMPT = "Read the notes and the log, then write in the notes that the fog is lifting."
REPORT = "The notes say it now."
ROUNDS = (
    (Use("read_page", {"title": "notes"}), Use("read_page", {"title": "log"})),
    (Use("write_page", {"title": "notes", "text": "The fog is lifting."}),),
)

Tool = Callable[..., str]
Loop = Callable[[LiveGateway, list[Tool]], str]

PARAMETERS = {
    "read_page": {"title": {"type": "string"}},
    "write_page": {"title": {"type": "string"}, "text": {"type": "string"}},
}


def schema_of(tool: Tool) -> dict[str, object]:
    """The parameters of a tool, for an SDK that does not write them itself."""
    properties = PARAMETERS[tool.__name__]
    return {"type": "object", "properties": properties, "required": list(properties)}


def with_anthropic(gateway: LiveGateway, tools: list[Tool]) -> str:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        message = client.beta.messages.tool_runner(
            model="writer",
            max_tokens=4096,
            thinking={"type": "enabled", "budget_tokens": 2048},
            tools=[beta_tool(tool) for tool in tools],
            messages=[{"role": "user", "content": PROMPT}],
        ).until_done()
    return message.content[-1].text if message.content[-1].type == "text" else ""


def with_anthropic_streams(gateway: LiveGateway, tools: list[Tool]) -> str:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        runner = client.beta.messages.tool_runner(
            model="writer",
            max_tokens=4096,
            thinking={"type": "enabled", "budget_tokens": 2048},
            tools=[beta_tool(tool) for tool in tools],
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
        )
        texts = ["".join(stream.text_stream) for stream in runner]
    return texts[-1]


def with_google(gateway: LiveGateway, tools: list[Tool]) -> str:
    options = google.HttpOptions(base_url=gateway.url)
    thinking = google.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        config = google.GenerateContentConfig(tools=[*tools], thinking_config=thinking)
        answer = client.models.generate_content(model="writer", contents=PROMPT, config=config)
    return answer.text or ""


def with_google_streams(gateway: LiveGateway, tools: list[Tool]) -> str:
    options = google.HttpOptions(base_url=gateway.url)
    thinking = google.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        config = google.GenerateContentConfig(tools=[*tools], thinking_config=thinking)
        chunks = client.models.generate_content_stream(model="writer", contents=PROMPT, config=config)
        return "".join(chunk.text or "" for chunk in chunks)


def with_openai_chat(gateway: LiveGateway, tools: list[Tool]) -> str:
    run = {tool.__name__: tool for tool in tools}
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        while True:
            with client.chat.completions.stream(
                model="writer",
                messages=messages,
                reasoning_effort="low",
                tools=[
                    {"type": "function", "function": {"name": name, "parameters": schema_of(tool)}}
                    for name, tool in run.items()
                ],
            ) as stream:
                message = stream.get_final_completion().choices[0].message
            if not message.tool_calls:
                return message.content or ""
            messages.append(
                {
                    "role": "assistant",
                    "content": message.content,
                    "tool_calls": [
                        {
                            "type": "function",
                            "id": call.id,
                            "function": {"name": call.function.name, "arguments": call.function.arguments},
                        }
                        for call in message.tool_calls
                    ],
                }
            )
            for call in message.tool_calls:
                result = run[call.function.name](**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def with_openai_responses(gateway: LiveGateway, tools: list[Tool]) -> str:
    """The history stays with the gateway; only results go there."""
    run = {tool.__name__: tool for tool in tools}
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        asked: str | ResponseInputParam = PROMPT
        previous: str | None = None
        while True:
            response = client.responses.create(
                model="writer",
                input=asked,
                previous_response_id=previous,
                reasoning={"effort": "low"},
                tools=[
                    {"type": "function", "name": name, "parameters": schema_of(tool), "strict": False}
                    for name, tool in run.items()
                ],
            )
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                return response.output_text
            previous = response.id
            asked = [
                {
                    "type": "function_call_output",
                    "call_id": call.call_id,
                    "output": run[call.name](**json.loads(call.arguments)),
                }
                for call in calls
            ]


LOOPS: list[tuple[str, Loop]] = [
    ("anthropic", with_anthropic),
    ("anthropic", with_anthropic_streams),
    ("gemini", with_google),
    ("gemini", with_google_streams),
    ("openai_chat", with_openai_chat),
    ("openai_responses", with_openai_responses),
]


@pytest.mark.parametrize(
    ("loop", "upstream"),
    [
        pytest.param(loop, upstream, id=f"{loop.__name__}-{upstream.model}")
        for dialect, loop in LOOPS
        for upstream in UPSTREAMS
        if upstream.dialect != dialect
    ],
)
def test_a_loop_runs_to_its_end(loop: Loop, upstream: Upstream, tmp_path: Path) -> None:
    pages = {"notes": "The fog is thick.", "log": "Seventeen ships wait."}

    def read_page(title: str) -> str:
        """Read a page of the book."""
        return pages[title]

    def write_page(title: str, text: str) -> str:
        """Write a page of the book anew."""
        pages[title] = text
        return "Written."

    model = ScriptedModel(ROUNDS, REPORT)
    with way_to(upstream, model, ["writer"], tmp_path) as way:
        report = loop(way.gateway, [read_page, write_page])
        answers = [received.answer for received in way.script.received if received.answer]

    assert model.misfits == []
    assert (report, pages["notes"]) == (REPORT, "The fog is lifting.")
    assert [answer.status for answer in answers] == [200] * 3
    for result in ("The fog is thick.", "Seventeen ships wait.", "Written."):
        assert result in model.results
    assert model.returned[-1] == model.signed
    assert bool(model.signed) is upstream.signs
