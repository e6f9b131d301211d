"""Which values of a configuration are secret."""

from urllib.parse import quote

import pytest

from dragoman.config.bookkeeping import Store
from dragoman.config.secret import Secret
from dragoman.config.settings import Auth, Coordination, KeySettings, Settings
from dragoman.providers.provider import Provider
from dragoman.telemetry.secrets import secrets_of


def test_all_keys_of_clients_and_providers_are_secret() -> None:
    settings = Settings(
        auth=Auth(keys=(Secret("client-1"), Secret("client-2"))),
        keys={"team": KeySettings(Secret("client-3"))},
    )
    providers = {
        "openai": Provider("openai", ("openai_chat",), api_key="up-1", more_keys=("up-2", "up-3")),
        "local": Provider("local", ("openai_chat",)),
    }
    found = secrets_of(settings, providers, "made-at-start")
    assert found == ["client-1", "client-2", "client-3", "up-1", "up-2", "up-3", "made-at-start"]


def test_the_key_of_the_management_api_and_the_secret_of_keys_are_secret() -> None:
    settings = Settings(auth=Auth(admin_key=Secret("admin-1"), secret=Secret("hashing-1")))
    assert secrets_of(settings, {}) == ["admin-1", "hashing-1"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter%4022@host:5432/name",
        "postgresql://host/name?user=me&password=hunter%4022&sslmode=require",
        "postgres://host/name?sslpassword=hunter%4022",
    ],
)
def test_the_password_of_the_store_is_secret_wherever_its_url_has_it(url: str) -> None:
    found = secrets_of(Settings(store=Store(Secret(url))), {})
    assert {"hunter@22", "hunter%4022"} <= set(found)
    assert not any(word in found for word in ("me", "user", "require", "name"))


def test_the_value_of_a_header_is_secret_and_so_is_the_token_in_it() -> None:
    provider = Provider("p", ("gemini",), headers=(("x-login", "Bearer abc-def-ghi"), ("x-flag", "true")))
    assert secrets_of(Settings(), {"p": provider}) == ["Bearer abc-def-ghi", "abc-def-ghi"]


@pytest.mark.parametrize("password", ["hunter22", "p@ss/w:rd"])
def test_the_password_of_a_url_is_secret_in_both_spellings(password: str) -> None:
    url = f"valkey://user:{quote(password, safe='')}@host:6379/0"
    settings = Settings(coordination=Coordination(Secret(url)))
    assert {password, quote(password, safe="")} <= set(secrets_of(settings, {}))
    assert password in secrets_of(Settings(), {}, urls=[f"http://me:{quote(password, safe='')}@proxy:3128"])


@pytest.mark.parametrize("url", ["valkey://host:6379/0", "http://proxy:3128"])
def test_a_url_without_a_password_is_no_secret(url: str) -> None:
    assert secrets_of(Settings(coordination=Coordination(Secret(url))), {}, urls=[url]) == []


def test_a_url_that_cannot_be_read_is_secret_as_a_whole() -> None:
    assert secrets_of(Settings(), {}, urls=["http://me:word@[broken"]) == ["http://me:word@[broken"]


def test_the_secrets_of_one_provider_are_its_keys_and_headers() -> None:
    provider = Provider("p", ("gemini",), api_key="up-1", more_keys=("up-2",), headers=(("x", "long-value"),))
    assert provider.secrets == ("up-1", "up-2", "long-value")
    assert Provider("p", ("gemini",)).secrets == ()
