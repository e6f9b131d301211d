"""What is set aside for requests, held against what recorded ones took."""

import json

import msgspec
import pytest
from tests.corpus.conftest import APIS, FOLDER

from dragoman.conversation.events import UsageReported
from dragoman.conversation.failure import FailureError
from dragoman.conversation.prompt_bound import prompt_bound
from dragoman.conversation.usage import Usage
from dragoman.dialects.bounds import plain
from dragoman.dialects.dialect import Location
from dragoman.dialects.registry import DIALECTS

_HIDDEN_PROMPTS = {"venice"}
"""Hosts that put more than a thousand tokens of their own before every prompt."""


def _recorded() -> list[tuple[str, str, bytes, Usage]]:
    """Name, dialect, request and usage of recorded answers."""
    index_file = FOLDER / "index.json"
    if not index_file.exists():
        pytest.skip(f"no recorded exchanges in {FOLDER}")
    found: list[tuple[str, str, bytes, Usage]] = []
    for name, facts in json.loads(index_file.read_text()).items():
        if APIS.get(facts["api"]) is None or facts["status"] != 200 or not facts["has_request"]:
            continue
        if facts["provider"] in _HIDDEN_PROMPTS:
            continue
        recorded = json.loads((FOLDER / facts["file"]).read_text())
        dialect = APIS[facts["api"]]
        usage = _told(dialect, recorded, stream=facts["stream"])
        if usage is None or not usage.prompt:
            continue
        given = {name: value for name, value in recorded["request"].items() if value is not None}
        body = given if dialect == "gemini" else {"model": "m", **given}
        found.append((name, dialect, msgspec.json.encode(body), usage))
    return found


def _told(dialect: str, recorded: dict[str, str], *, stream: bool) -> Usage | None:
    body = (recorded.get("response_body") or "").encode()
    try:
        if not stream:
            return DIALECTS[dialect].meter_response(body).usage if body else None
    except FailureError:
        return None
    decoder = DIALECTS[dialect].stream_decoder("")
    told: Usage | None = None
    for event in (*decoder.feed(body), *decoder.close()):
        if isinstance(event, UsageReported):
            told = event.usage if told is None else told.updated(event.usage)
    return told


def test_no_prompt_took_more_than_was_set_aside() -> None:
    checked = 0
    for name, dialect, body, usage in _recorded():
        try:
            request = DIALECTS[dialect].parse_request(body, Location(model="m"))
        except FailureError:
            continue
        checked += 1
        assert prompt_bound(len(body), request) >= usage.prompt, name
    assert checked > 1000


def test_no_plain_prompt_took_more_than_its_bytes_say() -> None:
    checked = 0
    for name, dialect, body, usage in _recorded():
        try:
            head = DIALECTS[dialect].read_head(body, Location(model="m"))
        except FailureError:
            continue
        if plain(head, body):
            checked += 1
            assert prompt_bound(len(body)) >= usage.prompt, name
    assert checked > 800


def test_parts_are_no_larger_than_their_wholes() -> None:
    for name, _, _, usage in _recorded():
        assert (usage.audio_input or 0) + (usage.image_input or 0) <= (usage.input or 0), name
        assert (usage.audio_output or 0) + (usage.image_output or 0) <= (usage.output or 0), name
        assert (usage.reasoning or 0) <= (usage.output or 0), name
        assert (usage.cache_write_1h or 0) <= (usage.cache_write or 0), name
