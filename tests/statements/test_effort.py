"""Statements 53 to 55: how much to reason, in what every model takes."""

import itertools

import pytest
from tests.statements.asking import CLIENTS, THINKERS, A, C, G, House, R, conversation, user
from tests.statements.families import FAMILIES, REACHED, Known
from tests.statements.judging import judged
from tests.statements.wishes import EFFORTS, answered, budget, effort, limit, losses, refused, wishing

from dragoman.testing.json_value import JSON, Object

TRANSLATED = [(client, *reached) for client in CLIENTS for reached in REACHED if client != reached[0]]
"""Every client with every model of another format: what is in the model's own format goes as it is."""

every_model = pytest.mark.parametrize(
    ("client", "upstream", "known"),
    TRANSLATED,
    ids=[f"{client}-{upstream}-{known.name}" for client, upstream, known in TRANSLATED],
)

WORDY = [
    (client, upstream, known)
    for client, upstream, known in TRANSLATED
    if client in {C, R} and known.profile.reasoning in {"effort", "adaptive", "level"}
]
"""Of these, clients who have all the words, with models that take words."""

BUDGETS = (0, -1, 1, 500, 1024, 4000, 20_000, 40_000, 100_000)


def asking(client: str, *wishes: Object) -> Object:
    return conversation(client, user("Good evening")) | wishing(*wishes)


def all_wishes(client: str) -> list[Object]:
    """Everything that a client can say about the amount of reasoning."""
    wishes = [effort(client, word, visible=shown) for word in EFFORTS[client] for shown in (False, True)]
    if client == G:
        wishes += [budget(G, tokens) for tokens in BUDGETS]
    if client == A:
        wishes += [wishing(budget(A, tokens), limit(A, 50_000)) for tokens in BUDGETS if tokens > 1000]
        wishes.append({"thinking": {"type": "adaptive"}})
        wishes.append({"output_config": {"effort": "max"}})
    return wishes


def said(body: Object, upstream: str) -> Object:
    """All that an upstream's request says of reasoning, under the names of the format."""
    match upstream:
        case "openai_chat":
            names = ("reasoning_effort", "reasoning", "thinking")
            return {name: body[name] for name in names if name in body}
        case "openai_responses":
            found = body.get("reasoning", {})
        case "anthropic":
            config = body.get("output_config", {})
            assert isinstance(config, dict)
            found = {name: value for name, value in config.items() if name == "effort"}
            found |= {"thinking": body["thinking"]} if "thinking" in body else {}
        case _:
            generation = body.get("generationConfig", {})
            assert isinstance(generation, dict)
            found = generation.get("thinkingConfig", {})
    assert isinstance(found, dict)
    return found


def word_of(body: Object, upstream: str) -> str | None:
    """The word for effort in an upstream's request."""
    found = said(body, upstream)
    name = {C: "reasoning_effort", G: "thinkingLevel"}.get(upstream, "effort")
    word = found.get(name)
    return None if word is None else str(word).lower()


@every_model
def test_statement_053_no_model_gets_an_effort_that_it_does_not_list(
    client: str, upstream: str, known: Known
) -> None:
    listed = {*known.profile.efforts}
    if upstream == R and known.profile.chat_tools == "never":
        listed.add("max")  # which these models take there, and only there
    for wish in all_wishes(client):
        # the vendor's own rules judge the rest
        body = judged(client, upstream, known.name, asking(client, wish)).body
        word = word_of(body, upstream)
        assert word is None or word in listed, (wish, body)


@pytest.mark.parametrize(
    ("client", "upstream", "known"),
    WORDY,
    ids=[f"{client}-{upstream}-{known.name}" for client, upstream, known in WORDY],
)
def test_statement_053_a_listed_effort_goes_as_it_is_and_others_to_the_nearest_below(
    client: str, upstream: str, known: Known
) -> None:
    profile, ordered = known.profile, EFFORTS[C]
    for word in ordered:
        found = judged(client, upstream, known.name, asking(client, effort(client, word)))
        sent = word_of(found.body, upstream)
        told = [loss for loss in found.losses if loss.code != "unknown_field"]
        if word in profile.efforts:
            assert (sent, told) == (word, [])
            continue
        if upstream == R and profile.chat_tools == "never" and word == "max":
            assert sent == "max"
            continue
        if word == "none":
            assert sent in {None, profile.efforts[0], "low"}
            assert told or profile.reasoning_off
            continue
        below = [one for one in profile.efforts if one != "none" and ordered.index(one) < ordered.index(word)]
        lowest = next(one for one in profile.efforts if one != "none")
        assert sent == (below[-1] if below else lowest)
        assert [loss.kind for loss in told] == ["approximated"]


TABLE: list[tuple[str, str, str, Object]] = [
    (A, "claude-opus-5-5", "none", {"effort": "low"}),
    (A, "claude-sonnet-5-5", "none", {"thinking": {"type": "between_tools"}}),
    (A, "claude-sonnet-5", "none", {"thinking": {"type": "disabled"}}),
    (A, "claude-opus-4-7", "minimal", {"effort": "low", "thinking": {"type": "adaptive"}}),
    (A, "claude-opus-4-7", "xhigh", {"effort": "xhigh", "thinking": {"type": "adaptive"}}),
    (A, "claude-opus-4-6", "xhigh", {"effort": "high", "thinking": {"type": "adaptive"}}),
    (A, "claude-opus-4-6", "max", {"effort": "max", "thinking": {"type": "adaptive"}}),
    (A, "claude-sonnet-4-5", "none", {}),
    (A, "claude-sonnet-4-5", "minimal", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
    (A, "claude-sonnet-4-5", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    (A, "claude-sonnet-4-5", "medium", {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
    (A, "claude-sonnet-4-5", "high", {"thinking": {"type": "enabled", "budget_tokens": 16_384}}),
    (A, "claude-sonnet-4-5", "xhigh", {"thinking": {"type": "enabled", "budget_tokens": 32_768}}),
    (A, "claude-sonnet-4-5", "max", {"thinking": {"type": "enabled", "budget_tokens": 63_999}}),
    (A, "claude-3-5-haiku", "high", {}),
    (G, "gemini-2.5-flash", "none", {"thinkingBudget": 0}),
    (G, "gemini-2.5-pro", "none", {"thinkingBudget": 128}),
    (G, "gemini-2.5-flash", "minimal", {"thinkingBudget": 1024}),
    (G, "gemini-2.5-flash", "low", {"thinkingBudget": 1024}),
    (G, "gemini-2.5-flash", "medium", {"thinkingBudget": 8192}),
    (G, "gemini-2.5-flash", "high", {"thinkingBudget": 24_576}),
    (G, "gemini-2.5-pro", "max", {"thinkingBudget": 32_768}),
    (G, "gemini-3-flash-preview", "none", {"thinkingLevel": "MINIMAL"}),
    (G, "gemini-3-pro-preview", "none", {"thinkingLevel": "LOW"}),
    (G, "gemini-3-pro-preview", "medium", {"thinkingLevel": "MEDIUM"}),
    (G, "gemini-3-pro-preview", "max", {"thinkingLevel": "HIGH"}),
    (C, "gpt-5", "none", {"reasoning_effort": "minimal"}),
    (C, "gpt-5", "max", {"reasoning_effort": "high"}),
    (C, "gpt-5.2", "none", {"reasoning_effort": "none"}),
    (C, "o3", "minimal", {"reasoning_effort": "low"}),
    (C, "gpt-4o", "high", {}),
    (R, "gpt-6-sol", "max", {"effort": "max"}),
    (R, "gpt-6-astra", "none", {"effort": "low"}),
]
"""What becomes of the efforts of clients of OpenAI's formats."""


@pytest.mark.parametrize(
    ("client", "upstream", "model", "word", "wanted"),
    [(client, *row) for row in TABLE for client in (C, R) if client != row[0]],
)
def test_statement_053_efforts_are_mapped_by_the_models_table(
    house: House, client: str, upstream: str, model: str, word: str, wanted: Object
) -> None:
    reply = house.ask(client, f"{upstream}/{model}", asking(client, effort(client, word)))
    answered(client, reply)
    found = said(house.received, upstream)
    thinking = found.get("thinking")
    if isinstance(thinking, dict):
        thinking.pop("display", None)  # whether it is shown is another matter
    assert found == wanted


BANDS = [
    (1024, "low"),
    (4096, "low"),
    (4097, "medium"),
    (16_384, "medium"),
    (16_385, "high"),
    (32_769, "xhigh"),
]


@pytest.mark.parametrize(
    ("client", "tokens", "word"),
    [
        *((client, *band) for client in (A, G) for band in ((0, "none"), *BANDS)),
        (G, 512, "low"),
        (G, -1, None),
    ],
)
def test_statement_053_budgets_become_words(client: str, tokens: int, word: str | None) -> None:
    body = asking(client, budget(client, tokens), limit(client, 60_000))
    assert word_of(judged(client, R, "gpt-5.2", body).body, R) == word


BUDGETED = [known for known in FAMILIES if known.profile.reasoning == "budget" and A in known.upstreams]
LENGTHS = (1, 1024, 1025, 1500, 2048, 9000, 20_000, 64_000)


@pytest.mark.parametrize("known", BUDGETED, ids=lambda known: known.name)
@pytest.mark.parametrize("client", [C, R, G])
def test_statement_054_the_budget_is_always_below_max_tokens(client: str, known: Known) -> None:
    for wish, tokens in itertools.product(all_wishes(client), (None, *LENGTHS)):
        limited = {} if tokens is None else limit(client, tokens)
        body = judged(client, A, known.name, asking(client, wish, limited)).body
        asked = body["max_tokens"]
        assert isinstance(asked, int)
        assert tokens is None or asked <= tokens
        thinking = body.get("thinking")
        if isinstance(thinking, dict) and "budget_tokens" in thinking:
            given = thinking["budget_tokens"]
            assert isinstance(given, int)
            assert 1024 <= given < asked


@pytest.mark.parametrize(
    ("tokens", "wanted"),
    [
        (None, {"max_tokens": 36_864, "thinking": {"type": "enabled", "budget_tokens": 32_768}}),
        (40_000, {"max_tokens": 40_000, "thinking": {"type": "enabled", "budget_tokens": 32_768}}),
        (32_768, {"max_tokens": 32_768, "thinking": {"type": "enabled", "budget_tokens": 16_384}}),
        (1500, {"max_tokens": 1500, "thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (1024, {"max_tokens": 1024}),
    ],
)
def test_statement_054_the_budget_shrinks_and_a_limit_of_the_clients_own_stays(
    house: House, tokens: int | None, wanted: Object
) -> None:
    limited = {} if tokens is None else limit(C, tokens)
    reply = house.ask(C, f"{A}/claude-sonnet-4-5", asking(C, effort(C, "xhigh"), limited))
    assert answered(C, reply).text
    found = {name: house.received[name] for name in ("max_tokens", "thinking") if name in house.received}
    assert found == wanted
    assert bool(losses(reply)) is (tokens in {32_768, 1500, 1024})


GEMINIS = [known for known in FAMILIES if G in known.upstreams]


@pytest.mark.parametrize("known", GEMINIS, ids=lambda known: known.name)
@pytest.mark.parametrize("client", [C, R, A])
def test_statement_055_a_level_or_a_budget_and_never_both(client: str, known: Known) -> None:
    wishes = all_wishes(client)
    if client == A:
        wishes.append(
            {"thinking": {"type": "enabled", "budget_tokens": 1500}, "output_config": {"effort": "low"}}
        )
    found: set[str] = set()
    for wish in wishes:
        names = {*said(judged(client, G, known.name, asking(client, wish)).body, G)} - {"includeThoughts"}
        assert len(names) <= 1, wish
        found |= names
    wanted = {"budget": {"thinkingBudget"}, "level": {"thinkingLevel"}}.get(
        known.profile.reasoning, set[str]()
    )
    assert found == wanted


@pytest.mark.parametrize("upstream", CLIENTS)
def test_statement_055_a_client_that_sends_both_is_told(house: House, upstream: str) -> None:
    both: JSON = {"thinkingBudget": 1000, "thinkingLevel": "LOW"}
    body = conversation(G, user("Hi"), generationConfig={"thinkingConfig": both})
    told = refused(G, house.ask(G, THINKERS[upstream], body))
    assert "thinkingBudget or thinkingLevel" in told.message
    assert house.count == 0
