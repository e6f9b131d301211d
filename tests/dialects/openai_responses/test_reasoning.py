"""Reasoning as items, and signatures on their way through a client."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.conversation.blocks import Block, Citation, Text, Thinking, ToolCall
from dragoman.conversation.envelope import seal, unseal
from dragoman.conversation.opaque import Signature
from dragoman.dialects.openai_responses.identifiers import item_id, made_here
from dragoman.dialects.openai_responses.reasoning import (
    Carried,
    call_item,
    client_item,
    item_of,
    reattached,
    text_item,
    thinking_of,
)

OWN = Signature("openai_responses", "openai/gpt-5", "rs_1 gAAAA")
FOREIGN = Signature("anthropic", "anthropic/claude-4.5", "EqQBCg==")
GOOGLE = Signature("gemini", "gemini/gemini-3", "CiQB+/=")
WORDS = st.text(min_size=1, max_size=20)


def read(item: dict[str, object], origin: str = "") -> Thinking | Carried | None:
    """An item as a client sends it back, or as an upstream answers it."""
    wire = json.loads(json.dumps(item))
    return thinking_of(
        wire.get("id", ""),
        [part["text"] for part in wire.get("summary", ())],
        [part["text"] for part in wire.get("content", ())],
        wire.get("encrypted_content"),
        origin,
    )


# --- the format's own ----------------------------------------------------------------------------


def test_an_upstreams_item_becomes_thinking_that_its_id_and_encrypted_content_sign() -> None:
    assert thinking_of("rs_1", ["I add.", "Then I carry."], [], "gAAAA", "openai/gpt-5") == Thinking(
        "I add.\n\nThen I carry.", OWN
    )


def test_reasoning_without_text_is_redacted() -> None:
    assert thinking_of("rs_1", [], [], "gAAAA", "openai/gpt-5") == Thinking("", OWN, redacted=True)


def test_an_item_that_holds_nothing_gives_nothing() -> None:
    assert thinking_of("rs_1", [], [], None, "openai/gpt-5") is None
    assert thinking_of("", [], [], None, "") is None


def test_an_upstream_that_encrypts_nothing_signs_nothing_by_its_summary() -> None:
    assert thinking_of("rs_1", ["I add."], [], None, "openai/gpt-5") == Thinking("I add.")


@pytest.mark.parametrize("text", ["", "I add."])
def test_an_own_item_goes_back_as_it_came(text: str) -> None:
    summary = [{"type": "summary_text", "text": text}] if text else []
    assert item_of(Thinking(text, OWN, redacted=not text), "openai/gpt-5") == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": summary,
        "encrypted_content": "gAAAA",
    }


def test_open_reasoning_of_an_open_model_goes_back_in_its_own_slot() -> None:
    thinking = thinking_of("rs_7", [], ["Let me see."], None, "vllm/gpt-oss")
    assert isinstance(thinking, Thinking)
    assert item_of(thinking, "vllm/gpt-oss") == {
        "type": "reasoning",
        "id": "rs_7",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Let me see."}],
    }


def test_open_reasoning_survives_a_client() -> None:
    thinking = thinking_of("rs_7", [], ["Let me see."], None, "vllm/gpt-oss")
    assert isinstance(thinking, Thinking)
    assert read({"id": "rs_x", **client_item(thinking)}) == thinking


@pytest.mark.parametrize("origin", ["openai/gpt-4.1", "xai/grok-4"])
def test_reasoning_goes_to_no_other_origin(origin: str) -> None:
    assert item_of(Thinking("I add.", OWN), origin) is None


def test_foreign_and_unsigned_reasoning_goes_to_no_upstream() -> None:
    assert item_of(Thinking("I add.", FOREIGN), "openai/gpt-5") is None
    assert item_of(Thinking("I add."), "openai/gpt-5") is None


def test_an_id_alone_is_kept_for_a_client_that_names_it() -> None:
    thinking = thinking_of("rs_1", [], [], None, "")
    assert isinstance(thinking, Thinking)
    assert item_of(thinking, "openai/gpt-5") == {"type": "reasoning", "id": "rs_1", "summary": []}


def test_an_id_that_was_made_here_never_goes_upstream() -> None:
    made = item_id("rs", "resp_1", 0)
    assert thinking_of(made, ["I add."], [], None, "") == Thinking("I add.")
    thinking = thinking_of(made, ["I add."], [], "gAAAA", "")
    assert isinstance(thinking, Thinking)
    assert item_of(thinking, "openai/gpt-5") == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "I add."}],
        "encrypted_content": "gAAAA",
    }


def test_made_ids_are_stable_and_different_in_every_place() -> None:
    ids = {item_id("rs", answer, place) for answer in ("resp_1", "resp_2") for place in range(3)}
    assert len(ids) == 6
    assert all(made_here(own) and own.startswith("rs_") for own in ids)
    assert item_id("rs", "resp_1", 0) in ids
    assert not made_here("rs_0dab4c")


# --- foreign signatures --------------------------------------------------------------------------


@given(WORDS, st.sampled_from([OWN, FOREIGN, GOOGLE]), st.booleans())
def test_every_signed_thinking_survives_a_client(text: str, signature: Signature, redacted: bool) -> None:
    thinking = Thinking("" if redacted else text, signature, redacted=redacted)
    back = read({"id": "rs_1", **client_item(thinking)})
    assert isinstance(back, Thinking)
    assert (back.text, back.redacted) == (thinking.text, redacted)
    assert back.signature is not None
    assert back.signature.value == signature.value
    assert back.signature.readable_at(signature.dialect, signature.origin)


@given(WORDS.filter(bool), st.sampled_from([FOREIGN, GOOGLE]))
def test_text_that_the_client_does_not_want_to_read_comes_back_with_its_signature(
    text: str, signature: Signature
) -> None:
    item = client_item(Thinking("", signature), text)
    assert item["summary"] == []
    assert read({"id": "rs_1", **item}) == Thinking(text, signature)


def test_a_client_does_not_get_hidden_text_where_the_signature_does_not_need_it() -> None:
    assert client_item(Thinking("", OWN), "I add.")["encrypted_content"] == OWN.value.partition(" ")[2]


def test_hidden_text_whose_seal_is_damaged_is_only_text() -> None:
    sealed = client_item(Thinking("", FOREIGN), "I add.")["encrypted_content"]
    assert isinstance(sealed, str)
    damaged = ".".join(["dgm1", "x", "x", *sealed.split(".")[3:]])
    assert read({"id": "rs_1", "type": "reasoning", "encrypted_content": damaged}) == Thinking("I add.")
    assert read({"id": "rs_1", "type": "reasoning", "encrypted_content": f"{sealed}!"}) == Thinking(
        "", FOREIGN
    )


def test_signed_thinking_without_text_is_not_taken_for_redacted() -> None:
    thinking = Thinking("", FOREIGN)
    assert read({"id": "rs_1", **client_item(thinking)}) == thinking


def test_a_foreign_signature_is_sealed_for_the_client() -> None:
    sealed = client_item(Thinking("I add.", FOREIGN))["encrypted_content"]
    assert isinstance(sealed, str)
    assert unseal(sealed) == FOREIGN


def test_unsigned_thinking_has_no_encrypted_content() -> None:
    assert client_item(Thinking("I add.")) == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "I add."}],
    }


def test_another_gateways_seal_is_sealed_once_more_and_goes_back_as_it_came() -> None:
    theirs = seal(FOREIGN)
    thinking = thinking_of("rs_1", ["I add."], [], theirs, "gateway/claude")
    assert isinstance(thinking, Thinking)
    assert thinking.signature == Signature("openai_responses", "gateway/claude", f"rs_1 {theirs}")
    back = read({"id": "rs_9", **client_item(thinking)})
    assert back == thinking
    item = item_of(thinking, "gateway/claude")
    assert item is not None
    assert item["encrypted_content"] == theirs


@pytest.mark.parametrize("damaged", ["dgm1.", "dgm1.x", "dgm1.!.!", "dgm1.a.b.text.x", "dgm1.a.b.call.%"])
def test_a_damaged_seal_leaves_the_text(damaged: str) -> None:
    assert thinking_of("rs_1", ["I add."], [], damaged, "") == Thinking("I add.")
    assert thinking_of("rs_1", [], [], damaged, "") is None


@pytest.mark.parametrize("slot", [".text.x", ".text.-1", ".call.%%%", ".text.99999999999999"])
def test_a_damaged_place_loses_the_signature_and_nothing_else(slot: str) -> None:
    assert thinking_of("rs_1", [], [], seal(GOOGLE) + slot, "") is None


# --- signatures that sit elsewhere ---------------------------------------------------------------


@given(st.text(max_size=30))
def test_a_calls_signature_finds_its_call_by_the_id(call_id: str) -> None:
    carried = read({"id": "rs_1", **call_item(GOOGLE, call_id)})
    assert isinstance(carried, Carried)
    assert carried == Carried(GOOGLE, call_id)
    call, other = ToolCall(call_id, "look", "{}"), ToolCall(f"{call_id}2", "look", "{}")
    assert reattached([carried, call, other]) == (ToolCall(call_id, "look", "{}", signature=GOOGLE), other)
    assert reattached([other, call, carried]) == (other, ToolCall(call_id, "look", "{}", signature=GOOGLE))


def carried_text(signed: int) -> Carried:
    carried = read({"id": "rs_1", **text_item(GOOGLE, signed)})
    assert isinstance(carried, Carried)
    return carried


def test_a_texts_signature_goes_back_on_the_text_before_it() -> None:
    pieces: list[Block | Carried] = [Text("It is 4."), carried_text(8), Text("Yes.")]
    assert reattached(pieces) == (Text("It is 4.", signature=GOOGLE), Text("Yes."))


def test_text_that_was_joined_for_the_client_is_taken_apart_again() -> None:
    cited = Text("It is 4.", (Citation(start=0, end=2), Citation(start=4, end=7)))
    assert reattached([cited, carried_text(5)]) == (
        Text("It ", (Citation(start=0, end=2),)),
        Text("is 4.", (Citation(start=1, end=4),), signature=GOOGLE),
    )


def test_the_signature_of_text_without_text_stands_by_itself() -> None:
    assert reattached([Text("It is 4."), carried_text(0)]) == (Text("It is 4."), Text("", signature=GOOGLE))


def test_a_signature_goes_with_the_text_or_the_call_that_a_client_left_out() -> None:
    assert reattached([Text("No."), carried_text(8)]) == (Text("No."),)
    assert reattached([carried_text(8), Carried(GOOGLE, "call_1"), Text("Yes.")]) == (Text("Yes."),)
