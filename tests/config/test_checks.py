"""Settings that cannot be meant so."""

from collections.abc import Callable

import pytest

from dragoman.config.checks import is_loopback
from dragoman.config.settings import Settings

Load = Callable[..., Settings]
Problem = Callable[..., str]

PROVIDER = '[providers.a]\ndialect = "openai_chat"\n'


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "gateway.example.com", "", "127.0.0.1.evil.com"]
)
def test_an_open_gateway_that_others_can_reach_is_refused(problem: Problem, host: str) -> None:
    text = '[auth]\n\nopen = true\n[server]\nhost = "%s"\n' % (host or "0.0.0.0")
    message = problem(text)
    assert message.startswith("dragoman.toml:3: auth.open: open = true would let everybody who reaches")
    assert message.endswith('write keys = ["sk-..."] instead, or listen on host = "127.0.0.1"')


def test_an_open_gateway_is_refused_when_the_command_line_lets_others_reach_it(problem: Problem) -> None:
    assert "auth.open" in problem("[auth]\nopen = true\n", host="0.0.0.0")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LocalHost"])
def test_a_gateway_for_this_machine_only_may_be_open(load: Load, host: str) -> None:
    assert load(f'[auth]\nopen = true\n[server]\nhost = "{host}"\n').auth.open


def test_the_command_line_can_close_off_what_the_file_opens(load: Load) -> None:
    assert load('[auth]\nopen = true\n[server]\nhost = "0.0.0.0"\n', host="127.0.0.1").auth.open


def test_no_other_name_counts_as_loopback() -> None:
    assert not is_loopback("localhost.example.com")
    assert not is_loopback("::ffff:10.0.0.1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            '[auth]\nkeys = ["a"]\nopen = true\n',
            "dragoman.toml:3: auth.open: open = true asks for no keys, but keys are listed; "
            "remove one of the two",
            id="open and keys",
        ),
        pytest.param(
            '[auth]\nkeys = ["a",\n ""]\n',
            "dragoman.toml:3: auth.keys[1]: the key is empty; "
            'write a key, or "$NAME" for an environment variable',
            id="an empty key",
        ),
        pytest.param(
            '[auth]\nkeys = ["a b"]\n',
            "dragoman.toml:2: auth.keys[0]: the key has a space or a character that HTTP cannot carry; "
            "write only letters, digits and punctuation of ASCII",
            id="a key with a space",
        ),
        pytest.param(
            '[auth]\nkeys = [\n"a",\n"b",\n"a"]\n',
            "dragoman.toml:5: auth.keys[2]: this key is listed twice; remove one of the two",
            id="a key twice",
        ),
        pytest.param(
            '[auth]\nopen = true\n[keys.alice]\nkey = "a"\n',
            "dragoman.toml:2: auth.open: open = true asks for no keys, but there is keys.alice; "
            "remove one of the two",
            id="open and a named key",
        ),
        pytest.param(
            '[auth]\nkeys = ["a"]\n[keys.alice]\nkey = "a"\n',
            "dragoman.toml:4: keys.alice.key: this key is the same as auth.keys[0]; remove one of the two",
            id="a named key that is listed as well",
        ),
        pytest.param(
            '[keys.alice]\nkey = "a"\n[keys.bob]\nkey = "b"\n[keys."c@d"]\nkey = "a"\n',
            'dragoman.toml:6: keys."c@d".key: this key is the same as keys.alice.key; remove one of the two',
            id="two names for one key",
        ),
        pytest.param(
            '[keys."key 1"]\nkey = "a"\n',
            'dragoman.toml:1: keys."key 1": this cannot be the name of a key; '
            "use letters, digits, dots, underscores, hyphens and @",
            id="a name with a space",
        ),
        pytest.param(
            '[keys.alice]\nkey = ""\n',
            "dragoman.toml:2: keys.alice.key: the key is empty; "
            'write a key, or "$NAME" for an environment variable',
            id="an empty named key",
        ),
        pytest.param(
            '[server]\ncors_origins = ["*", "https://x.example/"]\n',
            "dragoman.toml:2: server.cors_origins[1]: this is not an origin; write a scheme and a host "
            'without a path, such as "https://chat.example.com", or "*"',
            id="an origin with a path",
        ),
        pytest.param(
            '[providers."a/b"]\ndialect = "gemini"\n',
            'dragoman.toml:1: providers."a/b": this cannot be the name of a provider; '
            "use letters, digits, dots, underscores and hyphens",
            id="a name with a slash",
        ),
        pytest.param(
            f'{PROVIDER}base_url = "ftp://x"\n',
            "dragoman.toml:3: providers.a.base_url: this is not the address of a web service; "
            'write it as "https://host/path" or "http://host/path"',
            id="another scheme",
        ),
        pytest.param(
            f'{PROVIDER}base_url = "localhost:11434/v1"\n',
            "dragoman.toml:3: providers.a.base_url: this is not the address of a web service; "
            'write it as "https://host/path" or "http://host/path"',
            id="no scheme",
        ),
        pytest.param(
            f'{PROVIDER}base_url = "http://x:99999"\n',
            "dragoman.toml:3: providers.a.base_url: this is not the address of a web service; "
            'write it as "https://host/path" or "http://host/path"',
            id="an impossible port",
        ),
        pytest.param(
            f'{PROVIDER}base_url = "http://me:pw@x/v1"\n',
            "dragoman.toml:3: providers.a.base_url: the address holds a user or a password; "
            "write the key as api_key instead",
            id="a password in the address",
        ),
        pytest.param(
            f'{PROVIDER}base_url = "http://x/v1?key=1"\n',
            "dragoman.toml:3: providers.a.base_url: the address holds a query or a fragment; "
            "write it only up to the path",
            id="a query in the address",
        ),
        pytest.param(
            f'{PROVIDER}api_key = ""\n',
            "dragoman.toml:3: providers.a.api_key: the key is empty; "
            'write a key, or "$NAME" for an environment variable',
            id="an empty upstream key",
        ),
        pytest.param(
            f'{PROVIDER}api_key = "k"\napi_keys = ["l"]\n',
            "dragoman.toml:4: providers.a.api_keys: api_key and api_keys are both given; "
            "list all keys in api_keys",
            id="one upstream key and several",
        ),
        pytest.param(
            f'{PROVIDER}api_keys = ["k", "l",\n"k"]\n',
            "dragoman.toml:4: providers.a.api_keys[2]: this key is listed twice; remove one of the two",
            id="an upstream key twice",
        ),
        pytest.param(
            f'{PROVIDER}api_keys = ["k", ""]\n',
            "dragoman.toml:3: providers.a.api_keys[1]: the key is empty; "
            'write a key, or "$NAME" for an environment variable',
            id="an empty key among several",
        ),
        pytest.param(
            f'{PROVIDER}dialects = {{ anthropic = "http://x" }}\n',
            "dragoman.toml:2: providers.a.dialect: dialect and dialects say the same thing twice; "
            "remove one of the two",
            id="dialect and dialects",
        ),
        pytest.param(
            "[providers.a]\ndialects = {}\n",
            "dragoman.toml:2: providers.a.dialects: no dialect is listed; "
            'write dialects = { openai_chat = "https://..." }',
            id="no dialects",
        ),
        pytest.param(
            '[providers.a]\n[providers.a.dialects]\nanthropic = "x"\n',
            "dragoman.toml:3: providers.a.dialects.anthropic: this is not the address of a web service; "
            'write it as "https://host/path" or "http://host/path"',
            id="a dialect without an address",
        ),
        pytest.param(
            f'{PROVIDER}headers = {{ "X Title" = "x" }}\n',
            'dragoman.toml:3: providers.a.headers."X Title": this cannot be the name of a header; '
            "write a name such as X-Title",
            id="a header name with a space",
        ),
        pytest.param(
            f'{PROVIDER}headers = {{ X-Title = "x\\r\\nHost: y" }}\n',
            "dragoman.toml:3: providers.a.headers.X-Title: the value has a line break in it; "
            "write it on one line",
            id="a header that smuggles another",
        ),
        pytest.param(
            '[prices."gpt-4o"]\ninput = 1\noutput = 1\n',
            "dragoman.toml:1: prices.gpt-4o: the pattern does not say provider and model; "
            'write it as [prices."provider/gpt-4o"], with * for what may be anything',
            id="a price without a provider",
        ),
        pytest.param(
            '[prices."openai/"]\ninput = 1\noutput = 1\n',
            'dragoman.toml:1: prices."openai/": the pattern does not say provider and model; '
            'write it as [prices."provider/openai"], with * for what may be anything',
            id="a price without a model",
        ),
    ],
)
def test_what_cannot_be_meant_is_reported_with_line_key_and_remedy(
    problem: Problem, text: str, message: str
) -> None:
    assert problem(text) == message


def test_one_key_may_serve_two_providers(load: Load) -> None:
    settings = load('[providers.groq]\napi_keys = ["k"]\n[providers.xai]\napi_keys = ["k"]\n')
    assert len(settings.providers) == 2


@pytest.mark.parametrize("name", ["alice", "team-7", "a.b_c", "alice@example.com"])
def test_names_of_people_and_teams_can_be_names_of_keys(load: Load, name: str) -> None:
    assert list(load(f'[keys."{name}"]\nkey = "a"\n').keys) == [name]


@pytest.mark.parametrize("pattern", ["openai/gpt-4o", "*/llama*", "fireworks/accounts/*"])
def test_patterns_of_prices_may_leave_open_what_they_like(load: Load, pattern: str) -> None:
    assert list(load(f'[prices."{pattern}"]\ninput = 1\noutput = 0\n').prices) == [pattern]
