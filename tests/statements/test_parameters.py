"""Statements 45 to 51: length, sampling and stops."""

import pytest
from structlog.testing import capture_logs
from tests.live.answers import saying
from tests.live.journal import exchange_of
from tests.statements.asking import (
    CLIENTS,
    MODELS,
    PAIRS,
    THINKERS,
    A,
    C,
    G,
    House,
    R,
    at,
    conversation,
    every_upstream,
    user,
)
from tests.statements.families import FAMILIES, REACHED, Known
from tests.statements.streams import text_stream
from tests.statements.wishes import (
    answered,
    limit,
    losses,
    refused,
    stop,
    temperature,
    top_p,
    wishing,
)

from dragoman.testing.json_value import JSON, Object

CLAUDES = [known for known in FAMILIES if A in known.upstreams]
FOREIGN = [C, R, G]
"""The clients whose requests are translated for Anthropic."""

every_claude = pytest.mark.parametrize("claude", CLAUDES, ids=lambda known: known.name)


def asking(client: str, *wishes: Object) -> Object:
    """A small request with some wishes."""
    return conversation(client, user("Good evening")) | wishing(*wishes)


def members(body: Object, upstream: str) -> Object:
    """Where the upstream's knobs are."""
    knobs = body.get("generationConfig", {}) if upstream == G else body
    assert isinstance(knobs, dict)
    return knobs


@every_claude
@pytest.mark.parametrize("client", FOREIGN)
def test_statement_045_anthropic_always_gets_a_limit_within_the_models_maximum(
    house: House, client: str, claude: Known
) -> None:
    model, most = f"{A}/{claude.name}", claude.profile.max_output_tokens
    assert most is not None
    # where the client says nothing, an answer of an agent's length
    assert at(house.send(client, model, asking(client)), "max_tokens") == min(most, 32_000)
    assert at(house.send(client, model, asking(client, limit(client, 900))), "max_tokens") == 900
    reply = house.ask(client, model, asking(client, limit(client, most + 1)))
    assert answered(client, reply).text
    assert house.received["max_tokens"] == most
    assert [lost.kind for lost in losses(reply)] == ["approximated"]


def test_statement_045_a_client_of_anthropics_own_format_has_to_say_the_limit(house: House) -> None:
    body = asking(A)
    del body["max_tokens"]
    assert "max_tokens" in refused(A, house.ask(A, MODELS[A], body)).message
    assert "max_tokens" in refused(A, house.ask(A, MODELS[G], body)).message


def _limits(body: Object, upstream: str) -> dict[str, JSON]:
    """Every member that limits the length."""
    names = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")
    return {name: members(body, upstream)[name] for name in names if name in members(body, upstream)}


def _limit_name(upstream: str, known: Known) -> str:
    names = {R: "max_output_tokens", A: "max_tokens", G: "maxOutputTokens"}
    return names.get(upstream, known.profile.max_tokens_field)


@pytest.mark.parametrize(
    ("upstream", "known"), REACHED, ids=[f"{upstream}-{known.name}" for upstream, known in REACHED]
)
def test_statement_046_the_limit_goes_under_the_one_name_that_the_model_takes(
    house: House, upstream: str, known: Known
) -> None:
    for client in CLIENTS:
        if client != upstream:
            body = house.send(client, f"{upstream}/{known.name}", asking(client, limit(client, 900)))
            assert _limits(body, upstream) == {_limit_name(upstream, known): 900}


@every_upstream
@pytest.mark.parametrize("model", [MODELS, THINKERS], ids=["plain", "thinking"])
def test_statement_046_of_two_limits_the_smaller_one_is_sent(
    house: House, upstream: str, model: dict[str, str]
) -> None:
    for older, newer in ((900, 901), (901, 900)):
        both: Object = {"max_tokens": older, "max_completion_tokens": newer}
        reply = house.ask(C, model[upstream], asking(C, both))
        if upstream == C:
            # the client's own vendor judges its fields
            assert "max_completion_tokens" in refused(C, reply).message
        else:
            assert answered(C, reply).text
            assert list(_limits(house.received, upstream).values()) == [900]


@pytest.mark.parametrize("client", [C, A, G])
@pytest.mark.parametrize(("asked", "sent"), [(1, 16), (15, 16), (16, 16), (17, 17)])
def test_statement_047_responses_gets_no_limit_below_16(
    house: House, client: str, asked: int, sent: int
) -> None:
    reply = house.ask(client, MODELS[R], asking(client, limit(client, asked)))
    assert answered(client, reply).text
    assert house.received["max_output_tokens"] == sent
    told = [(lost.kind, lost.code) for lost in losses(reply)]
    assert told == ([] if asked == sent else [("approximated", "max_tokens")])


def test_statement_047_a_client_of_responses_hears_its_own_vendor(house: House) -> None:
    told = refused(R, house.ask(R, MODELS[R], asking(R, limit(R, 15))))
    assert "max_output_tokens" in told.message


@every_claude
@pytest.mark.parametrize("client", FOREIGN)
def test_statement_048_temperature_is_clamped_for_anthropic_or_left_out(
    house: House, client: str, claude: Known
) -> None:
    reply = house.ask(client, f"{A}/{claude.name}", asking(client, temperature(client, 1.7)))
    assert answered(client, reply).text
    dropped = claude.profile.sampling == "none"
    assert house.received.get("temperature") == (None if dropped else 1.0)
    assert ("temperature", "approximated") in {(lost.code, lost.kind) for lost in losses(reply)}


def _refuses_sampling(known: Known) -> bool:
    profile = known.profile
    return profile.sampling == "none" or (
        profile.sampling == "unless_reasoning" and profile.reasoning_default
    )


SILENT = [(upstream, known) for upstream, known in REACHED if _refuses_sampling(known)]
"""Models that take no sampling when nothing is said about reasoning."""


@pytest.mark.parametrize(
    ("upstream", "known"), SILENT, ids=[f"{upstream}-{known.name}" for upstream, known in SILENT]
)
def test_statement_048_sampling_is_left_out_where_the_model_refuses_it(
    house: House, upstream: str, known: Known
) -> None:
    for client in CLIENTS:
        if client == upstream:
            continue
        wishes = asking(client, temperature(client, 0.2), top_p(client, 0.5))
        reply = house.ask(client, f"{upstream}/{known.name}", wishes)
        assert answered(client, reply).text
        knobs = members(house.received, upstream)
        assert {"temperature", "top_p", "topP", "topK", "top_k"}.isdisjoint(knobs)
        assert {("temperature", "dropped"), ("top_p", "dropped")} <= {
            (lost.code, lost.kind) for lost in losses(reply)
        }


@every_claude
@pytest.mark.parametrize("client", FOREIGN)
def test_statement_049_claude_4_gets_temperature_or_top_p_and_never_both(
    house: House, client: str, claude: Known
) -> None:
    model = f"{A}/{claude.name}"
    body = house.send(client, model, asking(client, temperature(client, 0.2), top_p(client, 0.5)))
    older = claude.name.startswith("claude-3")
    sampling = claude.profile.sampling
    wanted = {"full": {"temperature", "top_p"}, "one": {"temperature"}}.get(sampling, set[str]())
    assert {"temperature", "top_p"} & body.keys() == wanted
    assert older or sampling != "full"
    if sampling == "one":
        assert house.send(client, model, asking(client, top_p(client, 0.5)))["top_p"] == 0.5


# --- stop sequences ------------------------------------------------------------------------------

STOPS = ["END", "FIN", "ALTO", "STOP", "HALT", "QED"]
MOST = {C: 4, R: 0, A: 6, G: 5}
"""How many sequences each format takes; six stand for any number."""

TEXT = "one two EN thrENDee FIN four"


def native_stops(body: Object, upstream: str) -> list[JSON]:
    """The sequences that the upstream itself was asked to stop at."""
    knobs = members(body, upstream)
    found = knobs.get("stop") or knobs.get("stop_sequences") or knobs.get("stopSequences") or []
    assert isinstance(found, list)
    return found


def own_stops(client: str, upstream: str) -> list[str]:
    """Sequences that the client may send and that the upstream cannot all take; `END` is the last."""
    if upstream == A:
        return ["\n", "FIN", "END"]  # white space alone is refused there, and then none is sent
    return [*STOPS[1 : MOST[client]], "END"]


CUT_PAIRS = [
    (client, upstream)
    for client, upstream in PAIRS
    if client not in {R, upstream} and (MOST[client] > MOST[upstream] or upstream == A)
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(("client", "upstream"), CUT_PAIRS)
def test_statement_050_the_gateway_cuts_exactly_wherever_the_deltas_end(
    house: House, client: str, upstream: str, size: int
) -> None:
    pieces = [TEXT[start : start + size] for start in range(0, len(TEXT), size)]
    house.fake.script.add(text_stream(upstream, pieces))
    sequences = own_stops(client, upstream)
    body = asking(client, stop(client, *sequences))
    reply = house.ask(client, MODELS[upstream], body, stream=True)
    answer = answered(client, reply, stream=True)
    assert answer.text == "one two EN thr"
    assert answer.finish == "stop"
    assert "END" not in native_stops(house.received, upstream)
    if client == A:
        # the one format that says which sequence it was
        assert '"stop_sequence":"END"' in reply.body.decode().replace('": "', '":"')
    assert [(lost.code, lost.kind) for lost in losses(reply)] == [("stop", "emulated")]


@pytest.mark.parametrize(("client", "upstream"), CUT_PAIRS)
def test_statement_050_a_whole_answer_is_cut_as_well(house: House, client: str, upstream: str) -> None:
    house.fake.script.add(saying(TEXT))
    body = asking(client, stop(client, *own_stops(client, upstream)), limit(client, 900))
    answer = answered(client, house.ask(client, MODELS[upstream], body))
    assert (answer.text, answer.finish) == ("one two EN thr", "stop")


@pytest.mark.parametrize(("client", "upstream"), CUT_PAIRS)
def test_statement_050_the_upstream_is_let_go_at_the_cut_and_its_usage_estimated(
    house: House, client: str, upstream: str
) -> None:
    house.fake.script.add(text_stream(upstream, ["one ", "END", *["more "] * 400], pace=0.02))
    with capture_logs() as entries:
        reply = house.ask(
            client, MODELS[upstream], asking(client, stop(client, *own_stops(client, upstream))), stream=True
        )
        house.fake.script.received[-1].wait_left(2)
    answer = answered(client, reply, stream=True)
    assert answer.text == "one "
    assert exchange_of(entries)["estimated"] is True
    output = exchange_of(entries)["output_tokens"]
    assert isinstance(output, int)
    assert 1 <= output <= 9
    if answer.usage is not None:
        assert answer.usage.output == output


@pytest.mark.parametrize("client", [C, A, G])
@every_upstream
@pytest.mark.parametrize("model", [MODELS, THINKERS], ids=["plain", "thinking"])
def test_statement_050_no_upstream_gets_more_sequences_than_it_takes(
    house: House, client: str, upstream: str, model: dict[str, str]
) -> None:
    body = asking(client, stop(client, *STOPS[: MOST[client]]))
    sent = native_stops(house.send(client, model[upstream], body), upstream) if client != upstream else []
    refuses = upstream == R or (upstream == C and model is THINKERS)
    assert len(sent) <= (0 if refuses else MOST[upstream])


# --- what no upstream can do ---------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", FOREIGN)
def test_statement_051_logprobs_are_refused_for_anthropic_by_their_own_name(
    house: House, client: str, stream: bool
) -> None:
    wishes: dict[str, Object] = {
        C: {"logprobs": True, "top_logprobs": 2},
        R: {"top_logprobs": 2, "include": ["message.output_text.logprobs"]},
        G: {"generationConfig": {"responseLogprobs": True, "logprobs": 2}},
    }
    told = refused(client, house.ask(client, MODELS[A], asking(client, wishes[client]), stream=stream))
    own = {C: "logprobs", R: "top_logprobs", G: "generationConfig.responseLogprobs"}
    assert told.message.startswith(f"'{own[client]}'")
    assert house.count == 0


@pytest.mark.parametrize(("client", "upstream"), [(C, A), (C, G), (C, R), (G, A), (G, C), (G, R)])
def test_statement_051_sound_and_pictures_are_no_shape_of_other_vendors_answers(
    house: House, client: str, upstream: str
) -> None:
    wishes: dict[str, Object] = {
        C: {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
        G: {"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}},
    }
    told = refused(client, house.ask(client, MODELS[upstream], asking(client, wishes[client])))
    assert "odalities" in told.message
    assert house.count == 0


@pytest.mark.parametrize(("client", "upstream"), [(C, R), (R, C), (G, C), (G, R)])
def test_statement_051_logprobs_are_refused_for_models_that_reason(
    house: House, client: str, upstream: str
) -> None:
    wishes: dict[str, Object] = {
        C: {"logprobs": True},
        R: {"top_logprobs": 2},
        G: {"generationConfig": {"responseLogprobs": True}},
    }
    told = refused(client, house.ask(client, THINKERS[upstream], asking(client, wishes[client])))
    assert "ogprobs" in told.message
    assert house.count == 0
