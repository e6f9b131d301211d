"""A model name leads where the configuration says, and a wrong one to a helpful error."""

import pytest

from dragoman.config.settings import RouteSettings
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router

PROVIDERS = {
    "openai": Provider("openai", ("openai_chat",), "http://o/v1", "sk-o", model_patterns=("gpt-*",)),
    "anthropic": Provider("anthropic", ("anthropic",), "http://a", "sk-a", model_patterns=("claude-*",)),
    "local": Provider("local", ("openai_chat",), "http://l/v1", models=("llama3:8b",)),
}


def places(router: Router, model: str) -> list[str]:
    return [f"{found.provider.name}/{found.target.model}" for found in router.resolve(model).targets]


def test_a_route_leads_to_its_targets_in_order() -> None:
    router = Router(PROVIDERS, {"best": RouteSettings(("anthropic/claude-opus-4-5", "openai/gpt-4o"))})
    assert places(router, "best") == ["anthropic/claude-opus-4-5", "openai/gpt-4o"]


def test_a_route_goes_before_a_bare_name_and_before_a_provider() -> None:
    router = Router(
        PROVIDERS,
        {"gpt-4o": RouteSettings(("local/llama3:8b",)), "openai/gpt-4o": RouteSettings(("local/llama3:8b",))},
    )
    assert places(router, "gpt-4o") == ["local/llama3:8b"]
    assert places(router, "openai/gpt-4o") == ["local/llama3:8b"]


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("gpt-4o", "openai/gpt-4o"),
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("llama3:8b", "local/llama3:8b"),
        ("local/any/thing", "local/any/thing"),
        ("openai/ft:gpt-4o:me", "openai/ft:gpt-4o:me"),
    ],
)
def test_names_without_a_route_find_their_provider(model: str, place: str) -> None:
    assert places(Router(PROVIDERS, {}), model) == [place]


@pytest.mark.parametrize("model", ["nothing", "nobody/gpt-4o", "openai/", ""])
def test_an_unknown_model_is_refused_with_what_is_known(model: str) -> None:
    with pytest.raises(FailureError) as caught:
        Router(PROVIDERS, {"best": RouteSettings(("openai/gpt-4o",))}).resolve(model)
    failure = caught.value.failure
    assert (failure.kind, failure.param) == (FailureKind.MODEL_NOT_FOUND, "model")
    assert "best" in failure.message
    assert "anthropic/<model>" in failure.message


def test_signatures_are_portable_within_one_provider_and_model_family() -> None:
    router = Router(PROVIDERS, {})
    first = router.resolve("claude-sonnet-4-5").targets[0].target.origin
    assert first == router.resolve("claude-haiku-4-5").targets[0].target.origin
    assert first != router.resolve("claude-opus-5").targets[0].target.origin
    assert first != router.resolve("local/claude-sonnet-4-5").targets[0].target.origin


def test_the_list_of_models_has_the_routes_and_the_named_models() -> None:
    router = Router(PROVIDERS, {"best": RouteSettings(("openai/gpt-4o",))})
    assert [card.id for card in router.cards()] == ["best", "llama3:8b"]


def test_without_routes_the_well_known_models_of_each_provider_are_listed() -> None:
    names = [card.id for card in Router(PROVIDERS, {}).cards()]
    assert "gpt-4o" in names
    assert "claude-sonnet-4-5" in names
    assert "llama3:8b" in names
    assert not any(name.startswith("gemini") for name in names)


def test_one_model_can_be_looked_up_by_any_name_that_can_be_asked_for() -> None:
    router = Router(PROVIDERS, {"best": RouteSettings(("anthropic/claude-sonnet-4-5",))})
    assert router.card("best").max_output_tokens == 64000
    assert router.card("openai/gpt-4o").id == "openai/gpt-4o"


def test_the_embedded_model_is_listed_where_it_is_all_there_is() -> None:
    demo = Provider("demo", ("openai_chat",), model_patterns=("demo",), embedded=True)
    assert [card.id for card in Router({"demo": demo}, {}).cards()] == ["demo"]


def test_a_name_of_megabytes_is_neither_kept_nor_repeated() -> None:
    name = "openai/" + "x" * 1_000_000
    with pytest.raises(FailureError) as caught:
        Router(PROVIDERS, {}).resolve(name)
    assert caught.value.failure.kind is FailureKind.MODEL_NOT_FOUND
    assert len(caught.value.failure.message) < 1000
