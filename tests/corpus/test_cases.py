"""The same case, recorded from several vendors, is understood as one and the same conversation."""

import collections
import json
from typing import Any, NamedTuple

import pytest
from tests.corpus.conftest import APIS, FOLDER
from tests.corpus.test_recordings import location_of

from dragoman.conversation.blocks import Audio, Document, Image, Text, ToolCall
from dragoman.conversation.request import FunctionTool, OutputMode, Request, Role
from dragoman.dialects.registry import DIALECTS

Json = dict[str, Any]


class Essence(NamedTuple):
    """What vendors' formats all can say of a request."""

    said: bool
    media: int
    calls: tuple[str, ...]
    tools: tuple[str, ...]
    output: str | None


def essence(request: Request) -> Essence:
    """What a request holds; recordings of a case may word it differently."""
    users = [message for message in request.messages if message.role is Role.USER]
    blocks = [block for message in request.messages for block in message.blocks]
    output = request.output
    return Essence(
        any(isinstance(block, Text) for message in users for block in message.blocks),
        sum(isinstance(block, Image | Document | Audio) for block in blocks),
        tuple(block.name for block in blocks if isinstance(block, ToolCall)),
        tuple(sorted(bare(tool.name) for tool in request.tools if isinstance(tool, FunctionTool))),
        None if output is None or output.mode is OutputMode.TEXT else str(output.mode),
    )


def bare(name: str) -> str:
    """A tool's name without the namespace that one of the formats has."""
    return name.rpartition("__")[2]


def first_requests() -> dict[str, dict[str, Request]]:
    """The first request of every case that was accepted by several vendors, by its recording's name."""
    index: dict[str, Json] = json.loads((FOLDER / "index.json").read_text())
    cases: dict[str, dict[str, Request]] = collections.defaultdict(dict)
    for name, facts in index.items():
        if facts["api"] not in APIS or APIS[facts["api"]] not in DIALECTS or not facts["has_request"]:
            continue
        recorded: Json = json.loads((FOLDER / facts["file"]).read_text())
        case = recorded.get("case")
        if facts["status"] != 200 or not isinstance(case, str) or not case.endswith("/first"):
            continue
        recorded["dialect"] = APIS[facts["api"]]
        body = json.dumps({"model": "model", **recorded["request"]}).encode()
        request = DIALECTS[recorded["dialect"]].parse_request(body, location_of(recorded))
        cases[case][f"{recorded['dialect']} {name}"] = request
    return {case: found for case, found in cases.items() if len({one.dialect for one in found.values()}) > 1}


@pytest.mark.skipif(not (FOLDER / "index.json").exists(), reason=f"no recorded exchanges in {FOLDER}")
def test_one_case_is_one_conversation_whichever_vendor_it_was_recorded_from() -> None:
    cases = first_requests()
    assert len(cases) > 20
    different = {
        case: {name: essence(request) for name, request in found.items()}
        for case, found in cases.items()
        if len({essence(request) for request in found.values()}) > 1
    }
    lines = [f"{case}: {name}: {one}" for case, found in different.items() for name, one in found.items()]
    assert not different, "\n".join(lines)
