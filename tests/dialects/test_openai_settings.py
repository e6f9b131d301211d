"""Settings that OpenAI's two formats share."""

import pytest

from dragoman.conversation.failure import FailureError
from dragoman.conversation.loss import Loss, LossKind
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Request, Sampling
from dragoman.dialects.dialect import Target
from dragoman.dialects.openai_settings import Body, accepted_sampling, capped, render_terms
from dragoman.models.profile import UNKNOWN, Profile

FORMATS = pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])


def target(profile: Profile = UNKNOWN) -> Target:
    return Target("p", "up", "p/x", profile)


def sampled(profile: Profile, effort: str | None = None) -> tuple[Body, list[tuple[LossKind, str]]]:
    """What a model takes of a hot temperature and a `top_p`."""
    request = Request("anthropic", "m", (), sampling=Sampling(temperature=1.5, top_p=0.5))
    knobs: Body = {"temperature": 1.5, "top_p": 0.5, "logit_bias": None}
    losses: list[Loss] = []
    got = accepted_sampling(knobs, request, target(profile), effort, losses)
    return got, [(loss.kind, loss.path) for loss in losses]


def test_a_limit_is_at_most_what_the_model_writes() -> None:
    losses: list[Loss] = []
    small = target(Profile("f", max_output_tokens=100))
    assert (capped(100, small, losses), capped(10**9, target(), losses)) == (100, 10**9)
    assert not losses
    assert capped(101, small, losses) == 100
    assert [(loss.kind, loss.path) for loss in losses] == [(LossKind.APPROXIMATED, "$.max_tokens")]


def test_knobs_go_where_the_model_takes_them() -> None:
    assert sampled(UNKNOWN) == ({"temperature": 1.5, "top_p": 0.5}, [])
    assert sampled(Profile("f", max_temperature=1.0)) == (
        {"temperature": 1.0, "top_p": 0.5},
        [(LossKind.APPROXIMATED, "$.temperature")],
    )
    assert sampled(Profile("f", sampling="one")) == ({"temperature": 1.5}, [(LossKind.DROPPED, "$.top_p")])


@pytest.mark.parametrize(
    ("profile", "effort", "refuses"),
    [
        (Profile("f", sampling="none"), None, True),
        (Profile("f", sampling="unless_reasoning"), None, False),
        (Profile("f", sampling="unless_reasoning"), "low", True),
        (Profile("f", sampling="unless_reasoning"), "none", False),
        (Profile("f", sampling="unless_reasoning", reasoning_default=True), None, True),
    ],
)
def test_a_model_that_reasons_may_refuse_them(profile: Profile, effort: str | None, refuses: bool) -> None:
    got, losses = sampled(profile, effort)
    assert (got == {}) is refuses
    assert len(losses) == (2 if refuses else 0)


@pytest.mark.parametrize(
    ("client", "path"),
    [
        ("openai_chat", "logprobs"),
        ("openai_responses", "top_logprobs"),
        ("gemini", "generationConfig.responseLogprobs"),
    ],
)
def test_log_probabilities_are_refused_there(client: str, path: str) -> None:
    request = Request(client, "m", (), top_logprobs=2)
    with pytest.raises(FailureError) as caught:
        accepted_sampling({}, request, target(Profile("f", sampling="none")), None, [])
    assert caught.value.failure.param == path


@FORMATS
def test_who_asks_and_on_what_terms(dialect: str) -> None:
    request = Request("anthropic", "m", (), user="u", service_tier="standard_only", metadata={"a": "b"})
    body: Body = {}
    losses: list[Loss] = []
    render_terms(request, dialect, body, losses)
    assert body == {"user": "u", "service_tier": "default"}
    assert [loss.path for loss in losses] == ["$.metadata"]


@FORMATS
def test_labels_stay_in_the_family_and_one_name_for_who_asks_is_enough(dialect: str) -> None:
    own = Opaque(dialect, "safety_identifier", b'"s"')
    request = Request(dialect, "m", (), user="u", metadata={"a": "b"}, extras=(own,))
    body: Body = {}
    render_terms(request, dialect, body, [])
    assert body == {"metadata": {"a": "b"}}


def test_a_tier_that_nobody_knows_is_left_out() -> None:
    losses: list[Loss] = []
    body: Body = {}
    render_terms(Request("gemini", "m", (), service_tier="moon"), "openai_chat", body, losses)
    assert body == {}
    assert [loss.path for loss in losses] == ["$.service_tier"]
