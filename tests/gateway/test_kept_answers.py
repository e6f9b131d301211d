"""A conversation that goes on goes on with the account that holds it."""

import msgspec
import pytest

from dragoman.config.settings import RouteSettings
from dragoman.conversation.failure import FailureError
from dragoman.gateway.kept_answers import within
from dragoman.providers.provider import Provider
from dragoman.routing.route import Route
from dragoman.routing.router import Router

ONE_KEY = Provider("host", ("openai_responses",), "http://host/v1", "sk-first")


def route(provider: Provider) -> Route:
    return Router({"host": provider}, {"r": RouteSettings(("host/model",))}).resolve("r")


def held(provider: Provider, held_by: str) -> list[str]:
    return [target.provider.api_key for target in within(route(provider), held_by).targets]


def two_keys() -> Provider:
    return msgspec.structs.replace(ONE_KEY, more_keys=("sk-second",))


def test_the_account_that_holds_a_conversation_is_asked_alone() -> None:
    assert held(two_keys(), "host#2") == ["sk-second"]


def test_a_first_key_that_gets_company_still_holds_its_conversations() -> None:
    assert held(two_keys(), "host") == ["sk-first"]
    assert held(ONE_KEY, "host#1") == ["sk-first"]


def test_a_key_that_is_gone_is_not_taken_for_another() -> None:
    with pytest.raises(FailureError, match="does not lead there"):
        held(ONE_KEY, "host#2")
