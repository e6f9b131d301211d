"""What is asked of an answer, in every client's own words; and answers as their clients read them."""

import re
from typing import NamedTuple

from tests.live.client import Reply
from tests.statements.asking import A, C, G, R

from dragoman.conformance.reply import Reply as Answer
from dragoman.conformance.reply import Told
from dragoman.conformance.wire import WIRES
from dragoman.testing.json_value import JSON, Object

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

EFFORTS = {C: _EFFORTS, R: _EFFORTS, A: ("none", *_EFFORTS[2:]), G: _EFFORTS[1:5]}
"""The words for effort that each client has."""


def limit(client: str, tokens: int) -> Object:
    """So many tokens at most."""
    names = {C: "max_completion_tokens", R: "max_output_tokens", A: "max_tokens"}
    return _config("maxOutputTokens", tokens) if client == G else {names[client]: tokens}


def temperature(client: str, value: float) -> Object:
    """A temperature."""
    return _config("temperature", value) if client == G else {"temperature": value}


def top_p(client: str, value: float) -> Object:
    """A nucleus."""
    return _config("topP", value) if client == G else {"top_p": value}


def stop(client: str, *sequences: str) -> Object:
    """Stop sequences; Responses has none."""
    given: list[JSON] = list(sequences)
    return (
        _config("stopSequences", given)
        if client == G
        else {"stop" if client == C else "stop_sequences": given}
    )


def effort(client: str, word: str, *, visible: bool = False) -> Object:
    """An effort of reasoning; `none` turns it off."""
    match client:
        case "openai_chat":
            return {"reasoning_effort": word}
        case "openai_responses":
            return {"reasoning": {"effort": word, **({"summary": "auto"} if visible else {})}}
        case "anthropic":
            if word == "none":
                return {"thinking": {"type": "disabled"}}
            shown: Object = {"display": "summarized"} if visible else {}
            return {"thinking": {"type": "adaptive", **shown}, "output_config": {"effort": word}}
        case _:
            thoughts: Object = {"includeThoughts": True} if visible else {}
            return _config("thinkingConfig", {"thinkingLevel": word.upper(), **thoughts})


def budget(client: str, tokens: int) -> Object:
    """A budget of tokens for reasoning, in the formats that have one; 0 turns it off."""
    if client == G:
        return _config("thinkingConfig", {"thinkingBudget": tokens})
    return {"thinking": {"type": "enabled", "budget_tokens": tokens} if tokens else {"type": "disabled"}}


def schema(client: str, described: Object) -> Object:
    """An answer that fits a JSON Schema."""
    match client:
        case "openai_chat":
            return {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": described},
                }
            }
        case "openai_responses":
            return {"text": {"format": {"type": "json_schema", "name": "answer", "schema": described}}}
        case "anthropic":
            return {"output_config": {"format": {"type": "json_schema", "schema": described}}}
        case _:
            config: Object = {"responseMimeType": "application/json", "responseJsonSchema": described}
            return {"generationConfig": config}


def _config(name: str, value: JSON) -> Object:
    return {"generationConfig": {name: value}}


def wishing(*wishes: Object) -> Object:
    """Several wishes as one; members of one object are put together."""
    whole: Object = {}
    for wish in wishes:
        for name, value in wish.items():
            old = whole.get(name)
            whole[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return whole


def answered(client: str, reply: Reply, *, stream: bool = False) -> Answer:
    """A good answer, in the grammar of its client."""
    wire = WIRES[client]
    assert reply.status == 200, reply
    problems = wire.check_stream(reply.body) if stream else wire.check_answer(reply.body)
    assert not problems, (problems, reply)
    answer = wire.read_stream(reply.body) if stream else wire.read_answer(reply.object)
    assert answer.error is None, reply
    return answer


def refused(client: str, reply: Reply) -> Told:
    """The error that an answer of status 400 is, in the envelope of its client."""
    wire = WIRES[client]
    assert reply.status == 400, reply
    assert not wire.check_error(reply.body), reply
    return wire.read_error(reply.object)


class Lost(NamedTuple):
    """One entry of `x-dragoman-losses`."""

    code: str
    kind: str
    path: str


_ENTRY = re.compile(r'(?P<code>[\w-]+);kind=(?P<kind>\w+);path="(?P<path>[^"]*)"(?:, |$)')


def losses(reply: Reply) -> list[Lost]:
    """What an answer's header says was lost, in order."""
    text = reply.headers.get("x-dragoman-losses", "")
    found = list(_ENTRY.finditer(text))
    assert "".join(entry[0] for entry in found) == text
    return [Lost(entry["code"], entry["kind"], entry["path"]) for entry in found]
