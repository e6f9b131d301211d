"""The providers that the gateway runs with."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from dragoman.config.file import load_settings
from dragoman.config.source import ConfigError
from dragoman.dialects.dialect import Host
from dragoman.dialects.registry import DIALECTS, SPOKEN
from dragoman.providers.environment import build_providers
from dragoman.providers.provider import Provider
from dragoman.providers.table import places


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def built(text: str, environ: Mapping[str, str] | None = None) -> dict[str, Provider]:
    path = Path("dragoman.toml")
    path.write_text(text, "utf-8")
    return build_providers(load_settings(path, environ or {}), environ or {})


def discovered(environ: Mapping[str, str]) -> dict[str, Provider]:
    return build_providers(load_settings(None, environ), environ)


def problem(text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        built(text, environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("variable", "name", "dialect", "model"),
    [
        ("OPENAI_API_KEY", "openai", "openai_chat", "gpt-4o"),
        ("ANTHROPIC_API_KEY", "anthropic", "anthropic", "claude-sonnet-4-5"),
        ("GEMINI_API_KEY", "gemini", "gemini", "gemini-2.5-flash"),
        ("GOOGLE_API_KEY", "gemini", "gemini", "gemini-2.5-flash"),
        ("GROQ_API_KEY", "groq", "openai_chat", None),
    ],
)
def test_a_key_in_the_environment_is_a_provider(
    variable: str, name: str, dialect: str, model: str | None
) -> None:
    providers = discovered({variable: "sk-1"})
    assert list(providers) == [name]
    provider = providers[name]
    assert provider.api_key == "sk-1"
    assert provider.dialects[0] == dialect
    assert {each: provider.url_of(each) for each in provider.dialects} == places()[name].urls
    assert model is None or provider.serves(model)


def test_all_keys_in_the_environment_count_in_the_order_of_the_table() -> None:
    environ = {"XAI_API_KEY": "c", "ANTHROPIC_API_KEY": "b", "OPENAI_API_KEY": "a", "PATH": "/bin"}
    assert list(discovered(environ)) == ["openai", "anthropic", "xai"]


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": ""}, {"HOME": "/root"}])
def test_with_no_key_there_is_the_embedded_provider(environ: dict[str, str]) -> None:
    providers = discovered(environ)
    assert list(providers) == ["demo"]
    demo = providers["demo"]
    assert demo.embedded
    assert demo.serves("demo")
    assert demo.dialects == tuple(SPOKEN)
    assert demo.api_key == ""


def test_providers_of_a_file_are_the_only_ones(directory: Path) -> None:
    providers = built(
        '[providers.local]\ndialect = "openai_chat"\nbase_url = "http://localhost:1/v1/"\n',
        {"OPENAI_API_KEY": "sk"},
    )
    assert list(providers) == ["local"]
    assert providers["local"] == Provider(
        "local",
        ("openai_chat", "openai_completions"),
        base_url="http://localhost:1/v1",
        base_urls={"openai_completions": "http://localhost:1/v1"},
    )


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ('[providers.local]\ndialect = "openai_chat"\nbase_url = "http://x/v1"\n', "http://x/v1"),
        (
            '[providers.local]\ndialects = { anthropic = "http://x", openai_chat = "http://x/v1" }\n',
            "http://x/v1",
        ),
        ('[providers.openai]\nbase_url = "http://x/v1"\n', "http://x/v1"),
        ('[providers.openai]\napi_key = "sk"\n', "https://api.openai.com/v1"),
        (
            '[providers.local.dialects]\nopenai_chat = "http://x/v1"\nopenai_completions = "http://y"\n',
            "http://y",
        ),
    ],
)
def test_older_completions_are_spoken_beside_chat_completions(directory: Path, text: str, url: str) -> None:
    (provider,) = built(text).values()
    assert provider.dialects[-1] == "openai_completions"
    assert provider.url_of("openai_completions") == url


@pytest.mark.parametrize(
    "text",
    [
        '[providers.groq]\napi_key = "gsk"\n',
        '[providers.fast]\ndialect = "openai_chat"\nbase_url = "https://api.groq.com/openai/v1"\n',
        '[providers.local]\ndialect = "anthropic"\nbase_url = "http://x"\n',
    ],
)
def test_hosts_known_not_to_have_older_completions_are_not_asked_for_them(directory: Path, text: str) -> None:
    (provider,) = built(text).values()
    assert "openai_completions" not in provider.dialects


def test_a_file_without_providers_leaves_them_to_the_environment(directory: Path) -> None:
    providers = built('[routes.x]\ntargets = ["openai/gpt-4o"]\n', {"OPENAI_API_KEY": "sk"})
    assert list(providers) == ["openai"]


def test_a_known_name_brings_dialect_address_patterns_quirks_and_key(directory: Path) -> None:
    provider = built('[providers.groq]\nmodels = ["llama-3.3-70b"]\n', {"GROQ_API_KEY": "gsk"})["groq"]
    assert provider.dialects == ("openai_chat",)
    assert provider.base_url == "https://api.groq.com/openai/v1"
    assert provider.host == places()["groq"].host
    assert provider.api_key == "gsk"
    assert provider.serves("llama-3.3-70b")


def test_a_key_in_the_file_goes_before_that_in_the_environment(directory: Path) -> None:
    provider = built('[providers.openai]\napi_key = "file"\n', {"OPENAI_API_KEY": "environment"})["openai"]
    assert provider.api_key == "file"


def test_a_key_in_the_environment_never_goes_to_another_address(directory: Path) -> None:
    text = '[providers.openai]\nbase_url = "http://127.0.0.1:9110/v1"\n'
    assert built(text, {"OPENAI_API_KEY": "sk"})["openai"].api_key == ""


def test_a_known_name_at_another_address_speaks_only_its_first_dialect_there(directory: Path) -> None:
    provider = built('[providers.deepseek]\nbase_url = "http://proxy"\n')["deepseek"]
    assert provider.dialects == ("openai_chat",)
    assert provider.url_of("openai_chat") == "http://proxy"
    assert provider.base_urls == {}
    assert provider.host.replays_reasoning
    assert provider.serves("deepseek-chat")


def test_a_place_that_speaks_several_dialects_has_all_their_addresses(directory: Path) -> None:
    provider = built('[providers.deepseek]\napi_key = "sk"\n')["deepseek"]
    assert provider.dialects == ("openai_chat", "anthropic")
    assert provider.url_of("anthropic") == "https://api.deepseek.com/anthropic"


def test_one_of_several_dialects_can_be_chosen(directory: Path) -> None:
    provider = built('[providers.deepseek]\napi_key = "sk"\ndialect = "anthropic"\n')["deepseek"]
    assert provider.dialects == ("anthropic",)
    assert provider.base_url == "https://api.deepseek.com/anthropic"


def test_dialects_can_be_given_with_their_addresses(directory: Path) -> None:
    provider = built(
        '[providers.mine]\ndialects = { anthropic = "http://x/", openai_chat = "http://x/v1" }\n'
        'headers = { X-One = "1" }\n'
    )["mine"]
    assert provider.dialects == ("anthropic", "openai_chat", "openai_completions")
    assert provider.base_url == "http://x"
    assert provider.url_of("openai_chat") == "http://x/v1"
    assert provider.headers == (("X-One", "1"),)


def test_a_place_can_be_said_to_take_no_urls(directory: Path) -> None:
    known = built("[providers.ollama]\n[providers.ollama-too]\nremote_media = true\n" + LOCAL)
    assert [provider.host.remote_media for provider in known.values()] == [False, True]
    mine = built('[providers.mine]\ndialect = "openai_chat"\nbase_url = "http://x"\nremote_media = false\n')
    assert not mine["mine"].host.remote_media


def test_several_keys_share_a_provider_in_their_order(directory: Path) -> None:
    text = '[providers.groq]\napi_keys = ["one", "$SECOND", "three"]\nmax_concurrent = 4\n'
    provider = built(text, {"SECOND": "two", "GROQ_API_KEY": "unused"})["groq"]
    assert (provider.api_key, provider.more_keys) == ("one", ("two", "three"))
    assert [one.api_key for one in provider.keyed()] == ["one", "two", "three"]
    assert provider.max_concurrent == 4


def test_one_key_in_a_list_is_one_key(directory: Path) -> None:
    provider = built('[providers.groq]\napi_keys = ["one"]\n')["groq"]
    assert provider == built('[providers.groq]\napi_key = "one"\n')["groq"]


def test_an_empty_list_of_keys_leaves_the_key_to_the_environment(directory: Path) -> None:
    provider = built("[providers.groq]\napi_keys = []\n", {"GROQ_API_KEY": "gsk"})["groq"]
    assert (provider.api_key, provider.more_keys) == ("gsk", ())


def test_a_variable_holds_one_key_whatever_is_in_it() -> None:
    """A comma may be a part of a key."""
    provider = discovered({"OPENAI_API_KEY": "sk-1,sk-2"})["openai"]
    assert [one.api_key for one in provider.keyed()] == ["sk-1,sk-2"]


def test_the_embedded_provider_may_be_limited(directory: Path) -> None:
    assert built("[providers.demo]\nmax_concurrent = 2\n")["demo"].max_concurrent == 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[providers.groq]\napi_key = "k"\n', "groq"),
        ('[providers.groq]\nbase_url = "http://proxy/v1"\n', "groq"),
        ('[providers.two]\nbase_url = "https://api.groq.com/openai/v1"\n', "groq"),
        ('[providers.two]\ndialect = "openai_chat"\nbase_url = "http://x/v1"\n', ""),
        ("[providers.demo]\n", "demo"),
    ],
)
def test_a_provider_is_the_known_place_of_its_name_or_address(directory: Path, text: str, place: str) -> None:
    (provider,) = built(text).values()
    assert provider.place == place


LOCAL = 'base_url = "http://localhost:11434/v1"\n'


def test_another_name_for_a_known_address_has_its_quirks_and_dialect(directory: Path) -> None:
    provider = built('[providers.two]\nbase_url = "https://api.groq.com/openai/v1"\napi_key = "k"\n')["two"]
    assert provider.dialects == ("openai_chat",)
    assert provider.host == places()["groq"].host
    assert provider.model_patterns == ()


def test_an_unknown_place_is_taken_to_be_like_the_formats_maker(directory: Path) -> None:
    assert built('[providers.a]\ndialect = "gemini"\nbase_url = "http://x"\n')["a"].host == Host()


@pytest.mark.parametrize(
    ("dialect", "url", "expected"),
    [
        ("anthropic", "http://x/v1", "http://x"),
        ("anthropic", "http://x/anthropic/v1/", "http://x/anthropic"),
        ("gemini", "http://x/v1beta", "http://x"),
        ("openai_chat", "http://x/v1/", "http://x/v1"),
        ("openai_chat", "http://x", "http://x"),
    ],
)
def test_a_base_url_may_end_in_the_way_of_any_sdk(
    directory: Path, dialect: str, url: str, expected: str
) -> None:
    provider = built(f'[providers.a]\ndialect = "{dialect}"\nbase_url = "{url}"\n')["a"]
    assert provider.base_url == expected


def test_the_embedded_provider_can_stand_beside_others(directory: Path) -> None:
    providers = built('[providers.demo]\n[providers.ollama]\n[routes.x]\ntargets = ["demo/demo"]\n')
    assert providers["demo"].embedded
    assert providers["ollama"].api_key == ""
    assert providers["ollama"].base_url == "http://localhost:11434/v1"


@pytest.mark.parametrize(
    ("text", "environ", "message"),
    [
        pytest.param(
            '[providers.a]\nbase_url = "http://x"\n',
            {},
            "dragoman.toml:1: providers.a.dialect: a is not a known provider, so its wire format must "
            "be said; "
            'write dialect = "openai_chat" for an OpenAI-compatible host; '
            f"known are {', '.join(DIALECTS)}",
            id="no dialect",
        ),
        pytest.param(
            '[providers.a]\ndialect = "openai"\nbase_url = "http://x"\n',
            {},
            "dragoman.toml:2: providers.a.dialect: 'openai' is not a dialect; did you mean 'openai_chat'? "
            f"(known here: {', '.join(SPOKEN)})",
            id="an unknown dialect",
        ),
        pytest.param(
            '[providers.a]\n\n[providers.a.dialects]\nclaude = "http://x"\n',
            {},
            "dragoman.toml:4: providers.a.dialects.claude: 'claude' is not a dialect; "
            f"write one of: {', '.join(SPOKEN)}",
            id="an unknown dialect among several",
        ),
        pytest.param(
            '[providers.gemini]\napi_key = "k"\ndialect = "anthropic"\n',
            {},
            "dragoman.toml:3: providers.gemini.dialect: gemini is not known to speak anthropic; "
            'write base_url = "https://..." as well, or one of: gemini',
            id="a dialect that is not spoken there",
        ),
        pytest.param(
            '[server]\n[providers.gemini]\nmodels = ["x"]\n',
            {"OPENAI_API_KEY": "k"},
            "dragoman.toml:2: providers.gemini.api_key: gemini needs a key, and GEMINI_API_KEY or "
            'GOOGLE_API_KEY is not set; write api_key = "..." under [providers.gemini], or set the variable',
            id="no key",
        ),
        pytest.param(
            '[providers.demo]\nbase_url = "http://x"\n',
            {},
            "dragoman.toml:2: providers.demo.base_url: demo answers inside the gateway and has no base_url; "
            "remove the line, or give the provider another name",
            id="an address for the embedded provider",
        ),
        pytest.param(
            '[providers.demo]\napi_keys = ["k", "l"]\n',
            {},
            "dragoman.toml:2: providers.demo.api_keys: demo answers inside the gateway and has no api_keys; "
            "remove the line, or give the provider another name",
            id="keys for the embedded provider",
        ),
        pytest.param(
            '[providers.ollama]\n[[routes.x.targets]]\ntarget = "ollama/a"\n'
            '[[routes.x.targets]]\nmax_concurrent = 2\ntarget = "olama/b"\n',
            {},
            "dragoman.toml:6: routes.x.targets[1].target: there is no provider 'olama'; "
            "did you mean 'ollama'? (known here: ollama)",
            id="a table with a misspelt provider",
        ),
        pytest.param(
            '[providers.local]\ndialect = "gemini"\nbase_url = "http://x"\n'
            '[routes.x]\ntargets = [\n"local/a",\n"locall/a"]\n',
            {},
            "dragoman.toml:7: routes.x.targets[1]: there is no provider 'locall'; "
            "did you mean 'local'? (known here: local)",
            id="a target with a misspelt provider",
        ),
        pytest.param(
            '[providers.ollama]\n[routes.x]\ntargets = ["openai/gpt-4o"]\n',
            {"OPENAI_API_KEY": "k"},
            "dragoman.toml:3: routes.x.targets[0]: there is no provider 'openai'; "
            "add a [providers.openai] table, or use one of: ollama",
            id="a target whose provider is not in the file",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["openai/gpt-4o"]\n',
            {},
            "dragoman.toml:2: routes.x.targets[0]: there is no provider 'openai'; "
            "set OPENAI_API_KEY, or add a [providers.openai] table",
            id="a target whose key is not set",
        ),
    ],
)
def test_what_a_provider_or_target_lacks_is_reported_with_line_key_and_remedy(
    directory: Path, text: str, environ: dict[str, str], message: str
) -> None:
    assert problem(text, environ) == message


def test_an_address_must_be_said_for_an_unknown_name(directory: Path) -> None:
    message = problem('[providers.a]\ndialect = "gemini"\n')
    assert message.startswith(
        "dragoman.toml:1: providers.a.base_url: a is not a known provider, so its address must be said; "
        'write base_url = "https://..." or use a known name: openai, anthropic, gemini,'
    )
