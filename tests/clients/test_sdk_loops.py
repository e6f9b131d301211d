"""Agent loops of the vendors' SDKs run on upstreams of every dialect: tools are run until the model has
nothing more to ask for. Anthropic's and Google's SDKs do that themselves.
"""

# The SDK's annotations name an optional package (PIL): its methods are partly unknown to pyright.
# pyright: reportUnknownMemberType=false

import json
from collections.abc import Callable
from pathlib import Path

import anthropic
import openai
import pytest
from anthropic import beta_tool
from anthropic.types.beta import BetaMessageParam, BetaThinkingConfigParam
from google import genai
from google.genai import types as google
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.responses import FunctionToolParam, ResponseInputParam
from tests.clients.scripted_model import ScriptedModel, Use
from tests.clients.upstream import UPSTREAMS, Upstream, way_to
from tests.conftest import LiveGateway

PROMPT = "Read the notes and the log, then write in the notes that the fog is lifting."
REPORT = "The notes say it now."
ROUNDS = (
    (Use("read_page", {"title": "notes"}), Use("read_page", {"title": "log"})),
    (Use("write_page", {"title": "notes", "text": "The fog is lifting."}),),
)
ROUTE = "writer"

Tool = Callable[..., str]
Loop = Callable[[LiveGateway, list[Tool]], str]

PARAMETERS = {"read_page": ("title",), "write_page": ("title", "text")}
"""What the tools take, for an SDK that does not find it out itself."""


def schema_of(tool: Tool) -> dict[str, object]:
    names = PARAMETERS[tool.__name__]
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(names),
    }


# --- Anthropic -----------------------------------------------------------------------------------

QUESTION: list[BetaMessageParam] = [{"role": "user", "content": PROMPT}]
THINKING: BetaThinkingConfigParam = {"type": "enabled", "budget_tokens": 2048}


def anthropic_runner(gateway: LiveGateway, tools: list[Tool]) -> str:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        runner = client.beta.messages.tool_runner(
            model=ROUTE,
            max_tokens=4096,
            thinking=THINKING,
            tools=[beta_tool(tool) for tool in tools],
            messages=QUESTION,
        )
        last = runner.until_done().content[-1]
    return last.text if last.type == "text" else ""


def anthropic_runner_of_streams(gateway: LiveGateway, tools: list[Tool]) -> str:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        runner = client.beta.messages.tool_runner(
            model=ROUTE,
            max_tokens=4096,
            thinking=THINKING,
            tools=[beta_tool(tool) for tool in tools],
            messages=QUESTION,
            stream=True,
        )
        return ["".join(stream.text_stream) for stream in runner][-1]


# --- Google --------------------------------------------------------------------------------------


def google_settings(tools: list[Tool]) -> google.GenerateContentConfig:
    thinking = google.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
    return google.GenerateContentConfig(tools=[*tools], thinking_config=thinking)


def google_calls(gateway: LiveGateway, tools: list[Tool]) -> str:
    options = google.HttpOptions(base_url=gateway.url)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        answer = client.models.generate_content(model=ROUTE, contents=PROMPT, config=google_settings(tools))
    return answer.text or ""


def google_calls_in_streams(gateway: LiveGateway, tools: list[Tool]) -> str:
    options = google.HttpOptions(base_url=gateway.url)
    config = google_settings(tools)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        chunks = client.models.generate_content_stream(model=ROUTE, contents=PROMPT, config=config)
        return "".join(chunk.text or "" for chunk in chunks)


# --- OpenAI --------------------------------------------------------------------------------------


def openai_chat_streams(gateway: LiveGateway, tools: list[Tool]) -> str:
    """The loop as most write it: of an answer, nothing goes back but its text and its calls."""
    run = {tool.__name__: tool for tool in tools}
    declared: list[ChatCompletionToolParam] = [
        {"type": "function", "function": {"name": name, "parameters": schema_of(tool)}}
        for name, tool in run.items()
    ]
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        while True:
            with client.chat.completions.stream(
                model=ROUTE, messages=messages, reasoning_effort="low", tools=declared
            ) as stream:
                message = stream.get_final_completion().choices[0].message
            if not message.tool_calls:
                return message.content or ""
            calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls]
            messages.append(
                {
                    "role": "assistant",
                    "content": message.content,
                    "tool_calls": [
                        {"type": "function", "id": call, "function": {"name": name, "arguments": arguments}}
                        for call, name, arguments in calls
                    ],
                }
            )
            for call, name, arguments in calls:
                result = run[name](**json.loads(arguments))
                messages.append({"role": "tool", "tool_call_id": call, "content": result})


def openai_responses_by_id(gateway: LiveGateway, tools: list[Tool]) -> str:
    """The conversation stays with the gateway: only what is new goes there."""
    run = {tool.__name__: tool for tool in tools}
    declared: list[FunctionToolParam] = [
        {"type": "function", "name": name, "parameters": schema_of(tool), "strict": False}
        for name, tool in run.items()
    ]
    asked: str | ResponseInputParam = PROMPT
    previous: str | None = None
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        while True:
            response = client.responses.create(
                model=ROUTE,
                input=asked,
                previous_response_id=previous,
                reasoning={"effort": "low"},
                tools=declared,
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


# --- all of them ---------------------------------------------------------------------------------

LOOPS: list[tuple[str, Loop]] = [
    ("anthropic", anthropic_runner),
    ("anthropic", anthropic_runner_of_streams),
    ("gemini", google_calls),
    ("gemini", google_calls_in_streams),
    ("openai_chat", openai_chat_streams),
    ("openai_responses", openai_responses_by_id),
]
"""Each loop with the dialect that it speaks."""


@pytest.mark.parametrize(
    ("loop", "upstream"),
    [
        pytest.param(loop, upstream, id=f"{loop.__name__}-{upstream.model}")
        for dialect, loop in LOOPS
        for upstream in UPSTREAMS
        if upstream.dialect != dialect
    ],
)
def test_a_loop_runs_to_its_end_on_other_vendors_models(
    loop: Loop, upstream: Upstream, tmp_path: Path
) -> None:
    pages = {"notes": "The fog is thick.", "log": "Seventeen ships wait."}

    def read_page(title: str) -> str:
        """Read a page of the book."""
        return pages[title]

    def write_page(title: str, text: str) -> str:
        """Write a page of the book anew."""
        pages[title] = text
        return "Written."

    model = ScriptedModel(ROUNDS, REPORT)
    with way_to(upstream, model, [ROUTE], tmp_path) as way:
        report = loop(way.gateway, [read_page, write_page])
        statuses = [received.answer.status for received in way.script.received if received.answer]

    assert model.misfits == []
    assert (report, pages["notes"]) == (REPORT, "The fog is lifting.")
    assert statuses == [200] * 3
    for result in ("The fog is thick.", "Seventeen ships wait.", "Written."):
        assert result in model.results
    assert model.returned[-1] == model.signed
    assert bool(model.signed) is upstream.signs
