"""The built-in prices, and what a configuration says instead."""

import datetime as dt
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from genai_prices import types
from genai_prices.data import providers as packaged

from dragoman.conversation.usage import Usage
from dragoman.models.price import Price, cost_of
from dragoman.models.prices import Prices, listed_price, price_list
from dragoman.providers.table import places

ROOT = Path(__file__).parents[2]
FILE = ROOT / "src" / "dragoman" / "models" / "prices.json"

OWN = Price(input=Decimal(7), output=Decimal(9))


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    """The program that writes the file."""
    spec = importlib.util.spec_from_file_location("price_list", ROOT / "scripts" / "price_list.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["price_list"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["price_list"]


def test_the_file_is_what_the_program_makes_of_the_package(generator: ModuleType) -> None:
    """Else run scripts/prices."""
    known = price_list()
    assert known.source == f"genai-prices {importlib.metadata.version('genai-prices')}"
    assert FILE.read_text("utf-8") == generator.price_list(known.checked)


def test_every_list_belongs_to_a_known_place(generator: ModuleType) -> None:
    assert set(generator.PLACES) <= set(places())
    assert set(price_list().places) == set(generator.PLACES)


NAMES = [
    "gpt-4o", "gpt-4o-mini-2024-07-18", "gpt-4.1", "o3", "o4-mini", "gpt-5.4", "gpt-5.2-20251211",
    "text-embedding-3-small", "gpt-audio", "gpt-realtime", "whisper-1", "moderation",
    "ft:gpt-4o-2024-08-06:me", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "claude-opus-5-5",
    "claude-haiku-4-5@20251001", "Claude-3-Haiku", "gemini-2.5-pro", "gemini-2.5-flash",
    "gemini-3-pro-preview", "gemini-2.5-flash-native-audio", "gemma-3", "deepseek-chat",
    "deepseek-reasoner", "deepseek-v4-pro", "mistral-large-latest", "codestral-2508",
    "llama-3.3-70b-versatile", "grok-4", "grok-4-fast", "kimi-k2", "glm-4.6", "openai/gpt-oss-120b",
    "anthropic/claude-sonnet-4.5", "qwen/qwen3-coder:free", "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "accounts/fireworks/models/deepseek-v3", "gpt-oss-120b", "no-such-model", "",
]  # fmt: skip


def _package(name: str) -> types.Provider:
    return next(provider for provider in packaged if provider.id == name)


@pytest.mark.parametrize("model", NAMES)
def test_names_are_matched_as_the_package_matches_them(generator: ModuleType, model: str) -> None:
    for place, name in generator.PLACES.items():
        found = _package(name).find_model(model)
        expected = None if found is None else generator.parse_price(found, price_list().checked)
        known = listed_price(place, model)
        assert (known is None) == (expected is None), place
        if known is not None and expected is not None:
            assert (known.input, known.output, known.above) == (
                expected.input,
                expected.output,
                expected.above,
            ), place


USAGES = [
    Usage(input=1000, output=500),
    Usage(input=100, output=50, cache_read=2000, cache_write=300, cache_write_1h=100),
    Usage(input=150_000, output=10, cache_read=100_000),
    Usage(input=900_000, output=64_000, cache_write=100_000),
]


@pytest.mark.parametrize(
    ("place", "model"),
    [
        ("openai", "gpt-4o"),
        ("openai", "gpt-5.4"),
        ("openai", "text-embedding-3-small"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-opus-5-5"),
        ("gemini", "gemini-2.5-pro"),
        ("gemini", "gemini-2.5-flash"),
        ("xai", "grok-4"),
        ("groq", "llama-3.3-70b-versatile"),
        ("mistral", "mistral-large-latest"),
        ("moonshot", "kimi-k2"),
    ],
)
def test_answers_cost_what_the_package_says(generator: ModuleType, place: str, model: str) -> None:
    provider = _package(generator.PLACES[place])
    found = provider.find_model(model)
    known = listed_price(place, model)
    assert found is not None
    assert known is not None
    for usage in USAGES:
        theirs = types.Usage(
            input_tokens=usage.prompt,
            output_tokens=usage.output,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            cache_write_1h_tokens=usage.cache_write_1h,
        )
        day = dt.datetime.combine(price_list().checked, dt.time(12), dt.UTC)
        expected = found.calc_price(theirs, provider, genai_request_timestamp=day).total_price
        assert cost_of(usage, known) == expected


def test_a_price_says_where_it_is_from_and_from_when() -> None:
    price = Prices().of("anthropic", "claude-sonnet-4-5")
    assert price is not None
    assert price.source.startswith("genai-prices ")
    assert price.checked == price_list().checked


def test_a_price_that_depends_on_the_hour_is_the_dearest(generator: ModuleType) -> None:
    model = next(one for one in _package("deepseek").models if one.id == "deepseek-v4-pro")
    assert isinstance(model.prices, list)
    price = generator.parse_price(model, price_list().checked)
    dearest = [one.prices for one in model.prices if isinstance(one.constraint, types.TimeOfDateConstraint)]
    assert dearest
    assert all(one.output_mtok == price.output for one in dearest)


def test_a_model_that_is_free_by_name_costs_nothing() -> None:
    price = Prices().of("openrouter", "qwen/qwen3-coder:free")
    assert price is not None
    assert cost_of(Usage(input=10, output=10), price) == 0


@pytest.mark.parametrize(
    ("provider", "model"),
    [("ollama", "gpt-oss:120b"), ("demo", "demo"), ("my-own", "gpt-4o"), ("openai", "no-such-model")],
)
def test_what_is_not_in_the_list_has_no_price(provider: str, model: str) -> None:
    assert Prices().of(provider, model) is None


def test_a_models_own_vendor_says_nothing_about_another_host() -> None:
    assert Prices().of("anthropic", "claude-sonnet-4-5") is not None
    assert Prices().of("groq", "claude-sonnet-4-5") is None


def test_a_provider_under_another_name_has_the_prices_of_its_place() -> None:
    prices = Prices(places={"research": "groq"})
    assert prices.of("research", "llama-3.3-70b-versatile") == Prices().of("groq", "llama-3.3-70b-versatile")


def test_resource_names_of_google_are_known() -> None:
    assert Prices().of("gemini", "models/gemini-2.5-pro") == Prices().of("gemini", "gemini-2.5-pro")


@pytest.mark.parametrize("model", ["gpt-4o", "GPT-4o", "gpt-4o-mini"])
def test_own_prices_go_before_the_list(model: str) -> None:
    assert Prices({"openai/gpt-4*": OWN}).of("openai", model) is OWN


def test_own_prices_are_for_the_named_provider_only() -> None:
    prices = Prices({"azure/gpt-4*": OWN, "*/llama*": OWN})
    assert prices.of("openai", "gpt-4o") == Prices().of("openai", "gpt-4o")
    assert prices.of("azure", "gpt-4o") is OWN
    assert prices.of("anything", "llama-3") is OWN


def test_the_first_pattern_that_matches_decides() -> None:
    other = Price(input=Decimal(1), output=Decimal(1))
    assert Prices({"a/*-mini": OWN, "a/*": other}).of("a", "x-mini") is OWN
    assert Prices({"a/*-mini": OWN, "a/*": other}).of("a", "x-large") is other
