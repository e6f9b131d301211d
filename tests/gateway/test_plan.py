"""What will be done is decided by both sides' dialects and the request, and by nothing else."""

import json

from dragoman.dialects import anthropic, openai_chat
from dragoman.dialects.dialect import Dialect, Host, Location, Target
from dragoman.gateway.plan import Passthrough, Plan, Translation, plan
from dragoman.models.profile import profile_of

OPENAI, ANTHROPIC = openai_chat.DIALECT, anthropic.DIALECT


def target(model: str = "gpt-4o", host: Host | None = None) -> Target:
    return Target("there", model, "there/family", profile_of(model), host or Host())


def planned(body: bytes, spoken: Dialect, to: Target) -> Plan:
    head = OPENAI.read_head(body, Location())
    return plan(OPENAI, head, body, spoken, to)


def request(**more: object) -> bytes:
    return json.dumps({"model": "mine", "messages": [{"role": "user", "content": "x"}], **more}).encode()


def test_the_same_dialect_goes_through_with_only_the_model_changed() -> None:
    body = request(brand_new={"a": [1.0, 1e2]})
    found = planned(body, OPENAI, target())
    assert isinstance(found, Passthrough)
    assert found.wire.body == body.replace(b'"mine"', b'"gpt-4o"')


def test_another_dialect_is_translated() -> None:
    found = planned(request(), ANTHROPIC, target("claude-sonnet-4-5"))
    assert isinstance(found, Translation)
    assert found.dialect is ANTHROPIC
    assert found.request.model == "mine"


def test_a_field_that_the_host_refuses_is_taken_out_by_translation() -> None:
    host = Host(rejects=frozenset({"logit_bias"}))
    body = request(logit_bias={"1": 5})
    assert isinstance(planned(body, OPENAI, target(host=host)), Translation)
    assert isinstance(planned(request(), OPENAI, target(host=host)), Passthrough)


def test_a_request_that_holds_another_vendors_signatures_is_translated() -> None:
    body = request(user="dgm1.YQ.YQ")
    assert isinstance(planned(body, OPENAI, target()), Translation)


def test_the_same_request_gives_the_same_plan_byte_for_byte() -> None:
    body = request(tools=[{"type": "function", "function": {"name": "f"}}], stop=["a", "b"], n=2)
    to = target("claude-sonnet-4-5")
    first, second = planned(body, ANTHROPIC, to), planned(body, ANTHROPIC, to)
    assert isinstance(first, Translation)
    assert first == second
