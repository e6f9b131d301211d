"""A model name leads where the configuration says, and a wrong one to a helpful error."""

import pytest

from dragoman.config.settings import (
    Conditions,
    Retries,
    RouteSettings,
    RouteTimeouts,
    TargetSettings,
    Timeouts,
)
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.providers.provider import Provider
from dragoman.routing.route import Hedge
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


def test_a_target_in_a_table_says_more_than_where_it_is() -> None:
    when = Conditions(images=False, tags=("gold",))
    described = TargetSettings("openai/gpt-4o", weight=3, max_concurrent=8, when=when)
    router = Router(PROVIDERS, {"best": RouteSettings((described, "anthropic/claude-opus-4-5"))})
    route = router.resolve("best")
    table, plain = route.targets
    assert (table.weight, table.max_concurrent, table.when) == (3, 8, when)
    assert (plain.weight, plain.max_concurrent, plain.when) == (1, None, None)
    assert (route.conditional, route.chooses) == (True, True)


def test_conditions_that_say_nothing_are_none() -> None:
    router = Router(PROVIDERS, {"best": RouteSettings((TargetSettings("openai/gpt-4o", weight=2),))})
    route = router.resolve("best")
    assert route.targets[0].when is None
    assert (route.conditional, route.chooses) == (False, False)


KEYED = {
    "shared": Provider(
        "shared", ("openai_chat",), "http://s/v1", "sk-1", more_keys=("sk-2", "sk-3"), max_concurrent=4
    ),
    "openai": PROVIDERS["openai"],
}


def test_a_target_is_there_once_for_each_key_of_its_provider() -> None:
    router = Router(KEYED, {"best": RouteSettings(("shared/m", "openai/gpt-4o"))})
    targets = router.resolve("best").targets
    assert [one.credential for one in targets] == ["shared#1", "shared#2", "shared#3", "openai"]
    assert [one.label for one in targets] == ["shared/m#1", "shared/m#2", "shared/m#3", "openai/gpt-4o"]
    assert {one.name for one in targets[:3]} == {"shared/m"}
    assert [one.provider.api_key for one in targets] == ["sk-1", "sk-2", "sk-3", "sk-o"]
    assert [one.provider.more_keys for one in targets] == [
        ("sk-2", "sk-3"),
        ("sk-1", "sk-3"),
        ("sk-1", "sk-2"),
        (),
    ]
    assert [one.provider.max_concurrent for one in targets] == [4, 4, 4, None]


def test_a_name_without_a_route_has_all_keys_too() -> None:
    route = Router(KEYED, {}).resolve("shared/m")
    assert [one.credential for one in route.targets] == ["shared#1", "shared#2", "shared#3"]
    assert route.chooses


def test_no_key_is_shown_where_a_route_is_printed() -> None:
    shown = repr(Router(KEYED, {"best": RouteSettings(("shared/m",))}).resolve("best"))
    assert "shared#2" in shown
    assert "sk-" not in shown


def test_a_route_takes_the_time_limits_of_all_where_it_has_none_of_its_own() -> None:
    router = Router(
        PROVIDERS,
        {
            "own": RouteSettings(("openai/gpt-4o",), timeouts=RouteTimeouts(first_event=5, total=60)),
            "plain": RouteSettings(("openai/gpt-4o",)),
        },
        timeouts=Timeouts(connect=1, first_event=20, between_events=30, total=300, keep_alive=7),
    )
    assert router.resolve("own").timeouts == Timeouts(1, 5, 30, 60, 7)
    for name in ("plain", "openai/gpt-4o", "gpt-4o"):
        assert router.resolve(name).timeouts == Timeouts(1, 20, 30, 300, 7)


def test_a_route_may_try_more_or_less_often_than_others() -> None:
    router = Router(
        PROVIDERS,
        {
            "own": RouteSettings(("openai/gpt-4o",), attempts=7),
            "plain": RouteSettings(("openai/gpt-4o",)),
        },
        retries=Retries(attempts=2),
    )
    assert [router.resolve(name).attempts for name in ("own", "plain", "gpt-4o")] == [7, 2, 2]


def test_each_target_has_its_price_where_it_is_known() -> None:
    prices = {("openai", "gpt-4o"): 5.0}
    router = Router(
        PROVIDERS,
        {"best": RouteSettings(("openai/gpt-4o", "anthropic/claude-opus-4-5"), strategy="cheapest")},
        price=lambda provider, model: prices.get((provider, model)),
    )
    route = router.resolve("best")
    assert route.strategy == "cheapest"
    assert [one.price for one in route.targets] == [5.0, None]
    assert router.resolve("gpt-4o").targets[0].price == 5.0


def test_a_route_says_whether_a_second_target_is_asked() -> None:
    router = Router(
        PROVIDERS,
        {
            "hedged": RouteSettings(("openai/gpt-4o",), hedge_after="p95", hedge_share=0.1),
            "timed": RouteSettings(("openai/gpt-4o",), hedge_after=2.5),
            "plain": RouteSettings(("openai/gpt-4o",)),
        },
    )
    assert router.resolve("hedged").hedge == Hedge("p95", 0.1)
    assert router.resolve("timed").hedge == Hedge(2.5, 0.06)
    assert router.resolve("plain").hedge is None
    assert router.resolve("gpt-4o").hedge is None


def test_a_route_says_what_becomes_of_losses_of_reasoning_and_of_conversations() -> None:
    router = Router(
        PROVIDERS,
        {
            "strict": RouteSettings(("openai/gpt-4o",), strict=True, on_loss="drop"),
            "quiet": RouteSettings(("openai/gpt-4o",), on_loss="drop", reasoning="hide", affinity=0),
        },
    )
    strict, quiet = router.resolve("strict"), router.resolve("quiet")
    assert (strict.on_loss, strict.show_reasoning, strict.affinity) == ("reject", True, 300)
    assert (quiet.on_loss, quiet.show_reasoning, quiet.affinity) == ("drop", False, 0)


def test_names_that_clients_make_up_are_told_from_those_of_the_configuration() -> None:
    router = Router(PROVIDERS, {"best": RouteSettings(("openai/gpt-4o",))})
    found = [router.resolve(name).configured for name in ("best", "openai/gpt-4o", "gpt-4o")]
    assert found == [True, False, False]
