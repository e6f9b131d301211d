"""Routes that cannot be meant so."""

from collections.abc import Callable

import pytest

from dragoman.config.settings import Settings

Load = Callable[..., Settings]
Problem = Callable[..., str]

TWO = '[routes.x]\ntargets = ["a/b", "a/c"]\n'
ONE = '[routes.x]\ntargets = ["a/b"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            '[routes.""]\ntargets = ["a/b"]\n',
            'dragoman.toml:1: routes."": a route needs a name; write it as [routes."name"]',
            id="a route without a name",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["a/b", "gpt-4o"]\n',
            "dragoman.toml:2: routes.x.targets[1]: 'gpt-4o' does not say provider and model; "
            'write it as "provider/model", such as "openai/gpt-4o"',
            id="a target without provider",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["a/b", "a/c", "a/b"]\n',
            "dragoman.toml:2: routes.x.targets[2]: 'a/b' is listed twice; remove one of the two",
            id="a target twice",
        ),
        pytest.param(
            '[[routes.x.targets]]\ntarget = "a/b"\n[[routes.x.targets]]\nweight = 2\ntarget = "b"\n',
            "dragoman.toml:5: routes.x.targets[1].target: 'b' does not say provider and model; "
            'write it as "provider/model", such as "openai/gpt-4o"',
            id="a table without provider",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["a/b",\n{ target = "a/b" }]\n',
            "dragoman.toml:3: routes.x.targets[1]: 'a/b' is listed twice; remove one of the two",
            id="a target as text and as a table",
        ),
        pytest.param(
            '[routes.x]\ntargets = [\n{ target = "a/b", when = { tools = true } },\n'
            '{ target = "a/b", when = { tools = true } },\n]\n',
            "dragoman.toml:4: routes.x.targets[1]: 'a/b' is listed twice under the same conditions; "
            "remove one of the two",
            id="a target twice under the same conditions",
        ),
        pytest.param(
            '[[routes.x.targets]]\ntarget = "a/b"\n[routes.x.targets.when]\nmax_input_tokens = 4\n'
            "min_input_tokens = 5\n",
            "dragoman.toml:5: routes.x.targets[0].when.min_input_tokens: "
            "no prompt has at least 5 tokens and at most 4; "
            "write a min_input_tokens that is not greater than max_input_tokens",
            id="no length fits",
        ),
        pytest.param(
            '[[routes.x.targets]]\ntarget = "a/b"\nweight = 2\n',
            'dragoman.toml:3: routes.x.targets[0].weight: a weight does nothing under strategy = "ordered"; '
            'write strategy = "weighted" for routes.x, or remove the weight',
            id="a weight that nobody looks at",
        ),
        pytest.param(
            f"{ONE}hedge_after = 3\n",
            "dragoman.toml:3: routes.x.hedge_after: there is no second target to ask, "
            "and no second key for the one; "
            "add a target, give its provider api_keys, or remove hedge_after",
            id="nowhere to hedge",
        ),
        pytest.param(
            f"{TWO}hedge_share = 0.1\n",
            "dragoman.toml:3: routes.x.hedge_share: without hedge_after, no second target is asked; "
            'write hedge_after = "p95" as well, or remove hedge_share',
            id="a share of nothing",
        ),
        pytest.param(
            f"{TWO}hedge_after = 3\nattempts = 1\n",
            "dragoman.toml:4: routes.x.attempts: a second target for slow answers (hedge_after) is a second "
            "attempt, and only one is allowed; write attempts = 2 or more, or remove hedge_after",
            id="no attempt left for a hedge",
        ),
        pytest.param(
            f"{TWO}hedge_after = 3\n[retries]\nattempts = 1\n",
            "dragoman.toml:5: retries.attempts: a second target for slow answers (hedge_after) is a second "
            "attempt, and only one is allowed; write attempts = 2 or more, or remove hedge_after",
            id="no attempt left for any hedge",
        ),
    ],
)
def test_what_cannot_be_meant_is_reported_with_line_key_and_remedy(
    problem: Problem, text: str, message: str
) -> None:
    assert problem(text) == message


def test_models_may_have_slashes_in_targets(load: Load) -> None:
    settings = load('[routes.x]\ntargets = ["fireworks/accounts/fireworks/models/llama"]\n')
    assert settings.routes["x"].targets == ("fireworks/accounts/fireworks/models/llama",)


def test_a_target_may_come_twice_under_different_conditions(load: Load) -> None:
    text = '[routes.x]\ntargets = [{ target = "a/b", when = { tags = ["gold"] } }, "a/c", "a/b"]\n'
    assert len(load(text).routes["x"].targets) == 3


def test_every_target_may_have_conditions(load: Load) -> None:
    text = '[routes.x]\ntargets = [{ target = "a/b", when = { tools = true } }]\n'
    assert load(text).routes["x"].targets


def test_weights_may_stand_where_they_are_looked_at(load: Load) -> None:
    text = '[routes.x]\nstrategy = "weighted"\ntargets = ["a/c", { target = "a/b", weight = 0.5 }]\n'
    assert load(text).routes["x"].strategy == "weighted"


@pytest.mark.parametrize("after", ["3", "0.25", '"p50"', '"p99"'])
def test_a_hedge_may_go_to_another_target(load: Load, after: str) -> None:
    assert load(f"{TWO}hedge_after = {after}\n").routes["x"].hedge_after is not None


def test_a_hedge_may_go_to_another_key_of_the_same_target(load: Load) -> None:
    text = f'{ONE}hedge_after = 3\n[providers.a]\ndialect = "gemini"\napi_keys = ["k", "l"]\n'
    assert load(text).routes["x"].hedge_after == 3.0


def test_a_route_may_have_attempts_for_hedges_that_others_have_not(load: Load) -> None:
    assert load(f"{TWO}hedge_after = 3\nattempts = 2\n[retries]\nattempts = 1\n").routes["x"].attempts == 2
