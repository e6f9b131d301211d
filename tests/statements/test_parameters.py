"""Statements 45 to 55: length, sampling, stops, candidates and the amount of reasoning."""

import pytest
from tests.live.answers import saying
from tests.statements.asking import A, C, CLIENTS, G, House, MODELS, R, conversation, every_client, every_pair, user
from tests.statements.families import FAMILIES
from tests.statements.wishes import limit, losses, temperature, top_p, wishing

from dragoman.testing.json_value import Object

CLAUDES = [known for known in FAMILIES if A in known.upstreams]
LIMITS = {C: "max_tokens", R: "max_output_tokens", A: "max_tokens", G: "maxOutputTokens"}
"""How each upstream calls the most tokens of an answer."""


def asking(client: str, *wishes: Object) -> Object:
    """A small request with some wishes."""
    return conversation(client, user("Good evening")) | wishing(*wishes)


def config_of(body: Object, upstream: str) -> Object:
    """Where the upstream's sampling and length are."""
    config = body.get("generationConfig", {}) if upstream == G else body
    assert isinstance(config, dict)
    return config


@pytest.mark.parametrize("client", [C, R, G])
@pytest.mark.parametrize("known", CLAUDES, ids=lambda known: known.name)
def test_statement_045_anthropic_always_gets_max_tokens_within_the_models_maximum(
    house: House, client: str, known: object
) -> None:
    pass
