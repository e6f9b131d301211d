"""`dragoman check` shows what a configuration amounts to."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dragoman.cli.main import main

Check = Callable[[str], list[str]]

PROVIDERS = """
[providers.openai]
api_keys = ["sk-one", "sk-two"]
[providers.anthropic]
api_key = "sk-three"
[providers.local]
dialect = "openai_chat"
base_url = "http://127.0.0.1:11434/v1"
"""


def command(text: str) -> Result:
    Path("some.toml").write_text(text, "utf-8")
    return CliRunner().invoke(main, ["check", "--config", "some.toml"])


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """The lines for the routes and keys of a file, which has three providers, and for its store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAGOMAN_HOME", str(tmp_path / "home"))

    def lines(text: str) -> list[str]:
        result = command(PROVIDERS + text)
        assert result.exit_code == 0, result.output
        assert "sk-" not in result.output
        *found, last = result.output.splitlines()
        assert last == "The configuration is fine."
        others = ("provider ", "virtual keys: ", "management API: ")
        if "[store]" not in text:
            others = (*others, "store: ")
        return [line for line in found if not line.startswith(others)]

    return lines


def test_a_plain_route_takes_one_line(check: Check) -> None:
    assert check('[routes.x]\ntargets = ["anthropic/m", "local/m"]\n') == [
        "route x: anthropic/m, then local/m"
    ]


@pytest.mark.parametrize(
    ("strategy", "line"),
    [
        ("least_busy", "the least busy of anthropic/m, local/m"),
        ("fastest", "the fastest of anthropic/m, local/m"),
        ("weighted", "weighted: anthropic/m (50 %), local/m (50 %)"),
        ("cheapest", "the cheapest of anthropic/m (no price), local/m (no price)"),
    ],
)
def test_the_strategy_is_told(check: Check, strategy: str, line: str) -> None:
    text = f'[routes.x]\nstrategy = "{strategy}"\ntargets = ["anthropic/m", "local/m"]\n'
    assert check(text) == [f"route x: {line}"]


def test_a_strategy_among_one_is_none(check: Check) -> None:
    assert check('[routes.x]\nstrategy = "fastest"\ntargets = ["local/m"]\n') == ["route x: local/m"]


def test_weights_are_told_as_shares(check: Check) -> None:
    targets = '[{ target = "anthropic/m", weight = 3 }, "local/m"]'
    assert check(f'[routes.x]\nstrategy = "weighted"\ntargets = {targets}\n') == [
        "route x: weighted: anthropic/m (75 %), local/m (25 %)"
    ]


def test_the_cheapest_is_told_first_and_what_has_no_price_last(check: Check) -> None:
    text = """
        [routes.x]
        strategy = "cheapest"
        targets = ["local/a", "local/b", "local/c"]
        [prices."local/b"]
        input = 2
        output = 8
        [prices."local/c"]
        input = 0.5
        output = 2
    """
    assert check(text) == ["route x: the cheapest of local/c ($1), local/b ($4), local/a (no price)"]


def test_keys_limits_and_conditions_of_targets_are_told(check: Check) -> None:
    text = """
        [auth]
        keys = ["k"]
        [keys.alice]
        key = "l"
        tags = ["gold"]
        [[routes.x.targets]]
        target = "openai/gpt-4o"
        max_concurrent = 20
        [[routes.x.targets]]
        target = "anthropic/m"
        when = { tools = true, images = false, json_schema = true, stream = false, min_input_tokens = 5, max_input_tokens = 9, tags = ["gold"] }
    """  # noqa: E501 - one condition of each kind
    assert check(text) == [
        "key alice: tags gold",
        "route x: openai/gpt-4o, then anthropic/m",
        "  openai/gpt-4o: 2 keys; at most 20 requests at once",
        (
            "  anthropic/m: only requests with tools, without pictures, with a JSON Schema for the answer, "
            "not streamed, of at least 5 tokens, of at most 9 tokens, from keys with the tag gold"
        ),
    ]


def test_what_differs_from_other_routes_is_told(check: Check) -> None:
    text = """
        [routes.x]
        targets = ["anthropic/m", "local/m"]
        hedge_after = "p95"
        attempts = 5
        timeouts = { first_event = 20, total = 90.5 }
        [routes.y]
        targets = ["anthropic/m", "local/m"]
        hedge_after = 2.5
        hedge_share = 0.125
        attempts = 3
        timeouts = { first_event = 600 }
    """
    assert check(text) == [
        "route x: anthropic/m, then local/m",
        "  a second target is asked when 95 % would have begun to answer, for at most 6 % of all requests",
        "  attempts: at most 5",
        "  time limits: first_event 20 s, total 90.5 s",
        "route y: anthropic/m, then local/m",
        "  a second target is asked after 2.5 s, for at most 12.5 % of all requests",
    ]


def test_named_keys_are_told_with_their_rules(check: Check) -> None:
    text = """
        [keys.alice]
        key = "k"
        [keys.nightly]
        key = "l"
        tags = ["batch", "cheap"]
        max_concurrent = 4
        priority = -10
    """
    assert check(text) == [
        "key alice: no rules of its own",
        "key nightly: tags batch, cheap; at most 4 requests at once; priority -10",
    ]


def test_the_limit_of_a_provider_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = command(PROVIDERS.replace("api_key", "max_concurrent = 8\napi_key")).output.splitlines()
    assert lines[0].endswith("with a key, at most 8 requests at once")
    assert lines[2].endswith("2 keys, at most 8 requests at once with each key")


@pytest.mark.parametrize(
    ("conditions", "lost"),
    [
        (["tools = true"], "without tools"),
        (["tools = true", "images = true"], "without tools, without pictures"),
        (["max_input_tokens = 1000"], "of 1001 tokens"),
        (["min_input_tokens = 1000", "max_input_tokens = 998"], "of 999 tokens"),
        (["tools = true", "tools = false, max_input_tokens = 9"], "without tools, of 10 tokens"),
        (['tags = ["gold"]'], "from a key without tags"),
        (['tags = ["gold"]', "stream = true"], "not streamed, from a key without tags"),
    ],
)
def test_requests_that_have_nowhere_to_go_are_pointed_out(
    check: Check, conditions: list[str], lost: str
) -> None:
    targets = ", ".join(f'{{ target = "local/m{n}", when = {{ {c} }} }}' for n, c in enumerate(conditions))
    keys = '[auth]\nkeys = ["k"]\n[keys.alice]\nkey = "l"\ntags = ["gold"]\n'
    lines = check(f"{keys}[routes.x]\ntargets = [{targets}]\n")
    assert lines[-1] == f"  note: some requests have nowhere to go, such as one {lost}"


@pytest.mark.parametrize(
    "conditions",
    [
        ["tools = true", "tools = false"],
        ["max_input_tokens = 1000", "min_input_tokens = 1001"],
        ["tools = true, stream = true", "tools = false", "stream = false"],
        ['tags = ["gold"]', 'tags = ["silver", "bronze"]'],
    ],
)
def test_conditions_that_leave_nobody_out_are_not_pointed_at(check: Check, conditions: list[str]) -> None:
    targets = ", ".join(f'{{ target = "local/m{n}", when = {{ {c} }} }}' for n, c in enumerate(conditions))
    keys = "".join(
        f'[keys.{name}]\nkey = "{name}"\ntags = ["{name}"]\n' for name in ("gold", "silver", "bronze")
    )
    assert not any("note" in line for line in check(f"{keys}[routes.x]\ntargets = [{targets}]\n"))


def test_a_tag_that_no_key_has_is_pointed_out(check: Check) -> None:
    targets = '[{ target = "local/m", when = { tags = ["gold"] } }, "local/n"]'
    assert check(f"[routes.x]\ntargets = {targets}\n")[-1] == "  note: no key has the tag gold"


def test_a_wrong_file_ends_with_status_2_and_the_error_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command('[routes.x]\ntargets = ["local/m"]\nhedge_after = "p59"\n')
    assert result.exit_code == 2
    assert result.output == (
        "some.toml:3: routes.x.hedge_after: \"p59\" is not possible here; did you mean 'p99'? "
        "(known here: p50, p75, p90, p95, p99), or write a number\n"
    )


def test_teams_limits_and_budgets_are_told(check: Check) -> None:
    text = """
        [teams.research]
        limits = [{ requests = 60 }, { cost = 2.5, per = "hour" }]
        budgets = [{ amount = 50, zone = "Europe/Berlin" }, { amount = 900, per = "total" }]
        [teams.idle]
        [keys.alice]
        key = "k"
        team = "research"
        routes = ["gpt-*"]
        limits = [{ tokens = 1000, per = "day" }]
        [routes.x]
        targets = ["local/m"]
        max_concurrent = 3
        budgets = [{ amount = 0.5, per = "day" }]
    """
    assert check(text) == [
        (
            "team research: 60 requests a minute; $2.50 an hour; "
            "a budget of $50.00 a month in Europe/Berlin; a budget of $900.00 in all; keys alice"
        ),
        "team idle: no keys in this file",
        "key alice: team research; only models gpt-*; 1000 tokens a day",
        "route x: local/m",
        "  held to: at most 3 requests at once; a budget of $0.50 a day",
    ]


def test_the_store_is_told_without_its_password(check: Check) -> None:
    [line] = check('[store]\nurl = "postgresql://me:hunter22@db.example.com:5433/gateway"\n')
    assert line.startswith("store: ")
    assert "db.example.com" in line
    assert "gateway" in line
    assert "hunter22" not in line


def test_what_the_gateway_stands_on_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    monkeypatch.setenv("DRAGOMAN_HOME", str(home))
    assert command("").output.splitlines()[-4:-1] == [
        f"store: {home / 'dragoman.db'}, made at the first use",
        "virtual keys: none yet; 'dragoman keys create' makes one",
        "management API: closed; auth.admin_key opens it",
    ]
    made = CliRunner().invoke(main, ["keys", "create", "--name", "a", "--config", "some.toml"])
    assert made.exit_code == 0
    assert command(f'[auth]\nadmin_key = "{"0123456789" * 4}"\n').output.splitlines()[-4:-1] == [
        f"store: {home / 'dragoman.db'}",
        f"virtual keys: hashed with {home / 'key-secret'}; 'dragoman keys list' shows them",
        "management API: /dragoman/api/",
    ]
    shared = (
        '[store]\nurl = "postgresql://db.example.com/d"\n[coordination]\nurl = "valkey://v.example.com"\n'
    )
    lines = command(f'[auth]\nsecret = "{"0123456789" * 4}"\n{shared}').output.splitlines()
    assert "virtual keys: hashed with auth.secret; 'dragoman keys list' shows them" in lines
    assert "coordination: Valkey or Redis (coordination.url), for limits" in lines
    (home / "key-secret").unlink()
    assert any(
        line.startswith("virtual keys: none can be opened") for line in command(shared).output.splitlines()
    )
