"""Values that do not fit, and what the error says about them."""

from collections.abc import Callable

import pytest

from dragoman.config.settings import Settings
from dragoman.config.validation import suggestion

Load = Callable[..., Settings]
Problem = Callable[..., str]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            '[providers.openai]\nbase_url = "http://x"\napi_kee = "sk"\n',
            "dragoman.toml:3: providers.openai.api_kee: unknown key; did you mean 'api_key'? (known here: "
            "dialect, dialects, base_url, api_key, api_keys, max_concurrent, models, headers, remote_media)",
            id="a misspelt key",
        ),
        pytest.param(
            '[provider.openai]\napi_key = "sk"\n',
            "dragoman.toml:1: provider: unknown key; did you mean 'providers'? (known here: "
            "server, auth, timeouts, retries, health, queue, metrics, media, memory, coordination, store, "
            "ledger, log, keys, teams, providers, routes, models, prices)",
            id="a misspelt section",
        ),
        pytest.param(
            "[auth]\nzzz = 1\n",
            "dragoman.toml:2: auth.zzz: unknown key; write one of: keys, open, admin_key, secret",
            id="a key like no other",
        ),
        pytest.param(
            '[server]\nport = "4100"\n',
            "dragoman.toml:2: server.port: expected a whole number, not text; write for example port = 4100",
            id="a number as text",
        ),
        pytest.param(
            "[server]\nport = true\n",
            "dragoman.toml:2: server.port: expected a whole number, not true or false; "
            "write for example port = 4100",
            id="a truth value as number",
        ),
        pytest.param(
            "[server]\nport = 65536\n",
            "dragoman.toml:2: server.port: expected a whole number of at most 65535; "
            "write for example port = 4100",
            id="a port too high",
        ),
        pytest.param(
            '[server]\n\nhost = ""\n',
            "dragoman.toml:3: server.host: expected text that is not empty; "
            'write for example host = "127.0.0.1"',
            id="an empty host",
        ),
        pytest.param(
            "[timeouts]\nconnect = 0\n",
            "dragoman.toml:2: timeouts.connect: expected a number greater than 0; "
            "write for example connect = 10.0",
            id="no time at all",
        ),
        pytest.param(
            "[timeouts]\nconnect = nan\n",
            "dragoman.toml:2: timeouts.connect: expected a number greater than 0; "
            "write for example connect = 10.0",
            id="not a number",
        ),
        pytest.param(
            '[log]\nlevel = "warn"\n',
            "dragoman.toml:2: log.level: \"warn\" is not possible here; did you mean 'warning'? "
            "(known here: debug, error, info, warning)",
            id="a misspelt choice",
        ),
        pytest.param(
            '[auth]\nkeys = "sk"\n',
            'dragoman.toml:2: auth.keys: expected a list, not text; write for example keys = ["text"]',
            id="one key and no list",
        ),
        pytest.param(
            '[auth]\nkeys = ["sk-1",\n  2]\n',
            'dragoman.toml:3: auth.keys[1]: expected text; write for example keys = ["text"]',
            id="a number among keys",
        ),
        pytest.param(
            '[auth]\nopen = "yes"\n',
            "dragoman.toml:2: auth.open: expected true or false, not text; write for example open = false",
            id="yes for true",
        ),
        pytest.param(
            '[routes."gpt-4o"]\n',
            'dragoman.toml:1: routes.gpt-4o.targets: this key is missing; write targets = ["provider/model"]',
            id="a route without targets",
        ),
        pytest.param(
            "[routes.x]\ntargets = []\n",
            "dragoman.toml:2: routes.x.targets: expected a list that is not empty; "
            'write for example targets = ["provider/model"]',
            id="a route with no targets",
        ),
        pytest.param(
            '[routes]\nx = "openai/gpt-4o"\n',
            "dragoman.toml:2: routes.x: expected a table, not text; "
            "write its keys under the heading [routes.x]",
            id="a route that is no table",
        ),
        pytest.param(
            "server = 1\n",
            "dragoman.toml:1: server: expected a table, not a whole number; "
            "write its keys under the heading [server]",
            id="a section that is no table",
        ),
        pytest.param(
            '[providers.a]\nheaders = { X-One = "1", X-Two = 2 }\n',
            'dragoman.toml:2: providers.a.headers.X-Two: expected text; write X-Two = "text"',
            id="a header that is no text",
        ),
        pytest.param(
            '[providers.a]\n[providers.a.dialects]\nopenai_chat = "http://x"\nanthropic = 5\n',
            "dragoman.toml:4: providers.a.dialects.anthropic: expected text, not a whole number; "
            'write anthropic = "text"',
            id="an address that is no text",
        ),
        pytest.param(
            '[providers.a]\nmodels = ["m", ""]\n',
            "dragoman.toml:2: providers.a.models[1]: expected text that is not empty; "
            'write for example models = ["text"]',
            id="a model without a name",
        ),
        pytest.param(
            "[providers.a]\napi_key = 5\n",
            'dragoman.toml:2: providers.a.api_key: expected text; write for example api_key = "text"',
            id="a key that is no text",
        ),
        pytest.param(
            "[providers.a]\nbase_url = 1979-05-27\n",
            "dragoman.toml:2: providers.a.base_url: expected text, not a date; "
            'write for example base_url = "text"',
            id="a date",
        ),
        pytest.param(
            "[timeouts]\nconnect = 5\nsilence = 60\n",
            "dragoman.toml:3: timeouts.silence: unknown key; did you mean 'between_events'? (known here: "
            "connect, first_event, between_events, total, keep_alive)",
            id="a key that has another name now",
        ),
        pytest.param(
            "[routes.x]\ntargets = [3]\n",
            "dragoman.toml:2: routes.x.targets[0]: expected text or a table, not a whole number; "
            'write for example targets = ["provider/model"]',
            id="a target that is neither text nor a table",
        ),
        pytest.param(
            '[routes.x]\ntargets = [\n"a/b",\n{ target = "a/c", zzz = 3 }]\n',
            "dragoman.toml:4: routes.x.targets[1].zzz: unknown key; "
            "write one of: target, weight, max_concurrent, when",
            id="a key that targets do not have",
        ),
        pytest.param(
            '[[routes.x.targets]]\ntarget = "a/b"\n[[routes.x.targets]]\nweight = 3\n',
            "dragoman.toml:3: routes.x.targets[1].target: this key is missing; "
            'write target = "provider/model"',
            id="a table without a target",
        ),
        pytest.param(
            '[[routes.x.targets]]\ntarget = "a/b"\nweight = 0\n',
            "dragoman.toml:3: routes.x.targets[0].weight: expected a number greater than 0; "
            "write for example weight = 1.0",
            id="a weight of nothing",
        ),
        pytest.param(
            '[[routes.x.targets]]\ntarget = "a/b"\nmax_concurrent = 0\n',
            "dragoman.toml:3: routes.x.targets[0].max_concurrent: expected a whole number of at least 1; "
            "write for example max_concurrent = 8",
            id="a place for nobody",
        ),
        pytest.param(
            '[[routes.x.targets]]\ntarget = "a/b"\nwhen = true\n',
            "dragoman.toml:3: routes.x.targets[0].when: expected a table, not true or false; "
            "write for example when = { tools = true }",
            id="conditions that are no table",
        ),
        pytest.param(
            '[[routes.x.targets]]\ntarget = "a/b"\n[routes.x.targets.when]\ntool = true\n',
            "dragoman.toml:4: routes.x.targets[0].when.tool: unknown key; did you mean 'tools'? (known here: "
            "tools, images, json_schema, stream, min_input_tokens, max_input_tokens, tags)",
            id="a misspelt condition",
        ),
        pytest.param(
            '[routes.x]\ntargets = [{ target = "a/b", when = { tags = ["gold", 1] } }]\n',
            "dragoman.toml:2: routes.x.targets[0].when.tags[1]: expected text, not a whole number; "
            'write for example tags = ["text"]',
            id="a tag that is no text",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["a/b"]\nstrategy = "fast"\n',
            "dragoman.toml:3: routes.x.strategy: \"fast\" is not possible here; did you mean 'fastest'? "
            "(known here: cheapest, fastest, least_busy, ordered, weighted)",
            id="a misspelt strategy",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["a/b"]\nhedge_after = "95"\n',
            "dragoman.toml:3: routes.x.hedge_after: \"95\" is not possible here; did you mean 'p95'? "
            "(known here: p50, p75, p90, p95, p99), or write a number",
            id="a misspelt share of the answers",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["a/b"]\nhedge_after = true\n',
            "dragoman.toml:3: routes.x.hedge_after: expected a number or text, not true or false; "
            'write for example hedge_after = "p95"',
            id="a time that is true",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["a/b"]\nhedge_after = 0\n',
            "dragoman.toml:3: routes.x.hedge_after: expected a number greater than 0; "
            'write for example hedge_after = "p95"',
            id="a hedge at once",
        ),
        pytest.param(
            '[routes.x]\ntargets = ["a/b"]\n[routes.x.timeouts]\nkeep_alive = 3\n',
            "dragoman.toml:4: routes.x.timeouts.keep_alive: unknown key; "
            "write one of: connect, first_event, between_events, total",
            id="a time limit that is not a route's",
        ),
        pytest.param(
            "[keys.alice]\n",
            'dragoman.toml:1: keys.alice.key: this key is missing; write key = "$NAME"',
            id="a name without a key",
        ),
        pytest.param(
            '[keys]\nalice = "sk-1"\n',
            "dragoman.toml:2: keys.alice: expected a table, not text; "
            "write its keys under the heading [keys.alice]",
            id="a named key that is no table",
        ),
        pytest.param(
            '[keys.alice]\nkey = "a"\npriority = 1000\n',
            "dragoman.toml:3: keys.alice.priority: expected a whole number of at most 100; "
            "write for example priority = 0",
            id="a priority above all",
        ),
        pytest.param(
            '[prices."a/b"]\ninput = 1\n',
            'dragoman.toml:1: prices."a/b".output: this key is missing; write output = 10.0',
            id="half a price",
        ),
        pytest.param(
            '[prices."a/b"]\ninput = "1"\noutput = 1\n',
            'dragoman.toml:2: prices."a/b".input: expected a number, not text; write for example input = 2.5',
            id="a price as text",
        ),
        pytest.param(
            '[prices."a/b"]\ninput = 1\noutput = -1\n',
            'dragoman.toml:3: prices."a/b".output: expected a number of at least 0; '
            "write for example output = 10.0",
            id="a negative price",
        ),
    ],
)
def test_what_does_not_fit_is_reported_with_line_key_and_remedy(
    problem: Problem, text: str, message: str
) -> None:
    assert problem(text) == message


def test_an_error_in_a_later_entry_names_that_entry(problem: Problem) -> None:
    text = '[routes.a]\ntargets = ["x/y"]\n[routes.b]\ntargets = ["x/y"]\n[routes.c]\ntargets = 3\n'
    assert problem(text).startswith("dragoman.toml:6: routes.c.targets: expected a list")


def test_whole_numbers_stand_for_numbers(load: Load) -> None:
    assert load("[timeouts]\ntotal = 60\n").timeouts.total == 60.0


def test_a_suggestion_is_only_made_for_a_similar_name() -> None:
    assert suggestion("hosst", ["host", "port"]) == "did you mean 'host'? (known here: host, port)"
    assert suggestion("zzz", ["host", "port"]) == "write one of: host, port"
