"""The strict fake against recorded requests: what a vendor has answered, the fake must not refuse.

Signatures and encrypted parts are the vendors' own and mean nothing to the fake: they are replaced by
its own before. Parts that depend on what the vendor had kept are not looked at.
"""

import re
from typing import Any

import msgspec
import pytest

from dragoman.models.profile import profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.rules import anthropic, gemini, openai_chat, openai_responses
from dragoman.testing.rules.refusal import Access, RefusedError
from dragoman.testing.signatures import issue_signature

Json = dict[str, Any]

VENDORS = frozenset({"openai", "anthropic", "gemini"})
NOT_AS_TODAY = {
    "braintrust-sdk-ruby--anthropic-temperature-stop--91e94855": "temperature and top_p with Claude 4.0",
    "dd-trace-js--anthropic-anthropic-v1-messages-post-77bd4579--4314b75b": "top_p out of range, Claude 3.5",
    "dd-trace-js--anthropic-anthropic-v1-messages-post-a0f05e2e--42a3fa9d": "top_p out of range, Claude 3.5",
    "dd-trace-py--v1-chat-completion-image-input--ebd23a12": "the URL of a picture as a string, GPT-4 Vision",
    "rig--vllm-responses-api-accepts-null-metadata--ed54cd65": "another host under OpenAI's name",
}
"""Recordings of what the vendor no longer takes, by what it is."""

BETA_FIELDS = {"context_management", "output_format"}


def _signed(value: JSON, family: str) -> None:
    """Put the fake's own signatures where the vendor's were."""
    if isinstance(value, list):
        for element in value:
            _signed(element, family)
    if not isinstance(value, dict):
        return
    if value.get("type") == "thinking":
        value["signature"] = issue_signature("anthropic", family, str(value.get("thinking", "")))
    for member, dialect in (
        ("thoughtSignature", "gemini"),
        ("thought_signature", "gemini"),
        ("encrypted_index", "anthropic"),
    ):
        if value.get(member):
            value[member] = issue_signature(dialect, family)
    if value.get("type") == "redacted_thinking":
        value["data"] = issue_signature("anthropic", family)
    if value.get("encrypted_content"):
        reasoning = value.get("type") in {"reasoning", "compaction"}
        value["encrypted_content"] = issue_signature("openai_responses" if reasoning else "anthropic", family)
    for member in value.values():
        _signed(member, family)


def _check(dialect: str, incoming: Incoming) -> None:
    match dialect:
        case "openai_chat":
            openai_chat.check_request(incoming, Access())
        case "openai_responses":
            body = openai_responses.read_request(incoming, Access())
            if body.member("previous_response_id") is None:
                openai_responses.check_conversation(body)
        case "anthropic":
            anthropic.check_request(incoming, Access())
        case _:
            gemini.check_request(incoming, Access())


@pytest.mark.recordings(good=True, has_request=True, provider=VENDORS)
def test_a_request_that_its_vendor_answered_is_accepted(entry: str, recording: Json) -> None:
    if entry in NOT_AS_TODAY:
        pytest.skip(NOT_AS_TODAY[entry])
    request: Object = recording["request"]
    path: str = recording["path"] or ""
    named = re.search(r"models/([^:?]+)", path)
    model = named[1] if named else str(request.get("model"))
    _signed(request, profile_of(model).family)
    recorded: dict[str, str] = recording["request_headers"] or {}
    headers = {name.lower(): value for name, value in recorded.items()}
    headers["content-type"] = "application/json"
    headers.setdefault("anthropic-version", "2023-06-01")
    if BETA_FIELDS & request.keys():
        # the recorder left this header out
        headers.setdefault("anthropic-beta", "some-beta")
    if recording["dialect"] == "gemini":
        path = f"/v1beta/models/{model}:generateContent"
    try:
        _check(recording["dialect"], Incoming("POST", path, {}, headers, msgspec.json.encode(request)))
    except RefusedError as refused:
        pytest.fail(f"the vendor answered this, the fake refuses it: {refused}")
