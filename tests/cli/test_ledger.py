"""`dragoman ledger`, as people use it, over both kinds of database."""

import asyncio
import json
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from dragoman.cli.main import main
from dragoman.config.secret import Secret
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.entry import AttemptEntry, BodyEntry, Charge, CostRow, Entry, UsageCounts
from dragoman.store.opening import open_database

NOON = 1_750_075_200.0  # 2025-06-16 12:00 UTC

CONFIG = """
[providers.openai]
api_key = "sk-one"
[prices."openai/gpt-4o"]
input = 5.0
output = 10.0
"""


class Home:
    """A data directory with a configuration, and the command over both."""

    def __init__(self, folder: Path, url: Secret | None) -> None:
        self.folder = folder
        self.url = url
        self.config = folder / "dragoman.toml"
        self.config.write_text(CONFIG + ("" if url is None else f'[store]\nurl = "{url.reveal()}"\n'))

    def run(self, *words: str) -> Result:
        arguments = ["ledger", words[0], "--config", str(self.config), *words[1:]]
        return CliRunner(env={"DRAGOMAN_HOME": str(self.folder)}).invoke(main, arguments)

    def write(self, *entries: Entry) -> None:
        async def work() -> None:
            database = open_database(self.url, self.folder)
            await DatabaseLedger(database).add("j", 1, entries, NOON)
            await database.close()

        asyncio.run(work())


@pytest.fixture
def home(store_url: Secret | None, tmp_path: Path) -> Home:
    return Home(tmp_path, store_url)


def attempt(**said: object) -> AttemptEntry:
    usual: dict[str, object] = {
        "usage": UsageCounts(input=1000, output=100),
        "cost": 3_500_000,
        "cost_rows": (CostRow("input", 1000, "2.5"), CostRow("output", 100, "10")),
        "price_source": "a list, 2025-06-01",
        "upstream_request_id": "up_77",
        **said,
    }
    plain = AttemptEntry("openai/gpt-4o", "1", "openai_chat", "translate", "answered", NOON)
    return msgspec.structs.replace(plain, **usual)


def entry(number: int = 1, **said: object) -> Entry:
    usual: dict[str, object] = {
        "owner": "ann",
        "team_id": "t1",
        "team_name": "blue",
        "target": "openai/gpt-4o",
        "usage": UsageCounts(input=1000, output=100),
        "cost": 3_500_000,
        "total": 1.25,
        "attempts": (attempt(),),
        **said,
    }
    plain = Entry(f"req_{number}", NOON + number, "k1", "one", "anthropic", "gpt", 200)
    return msgspec.structs.replace(plain, **usual)


def test_a_search_prints_one_line_for_each_request_the_newest_first(home: Home) -> None:
    home.write(entry(1), entry(2, cost=None, unpriced=True), entry(3, estimated=True, total=None))
    result = home.run("search")
    assert result.exit_code == 0, result.output
    assert [re.split(r"  +", line) for line in result.stdout.splitlines()] == [
        ["began (UTC)", "request", "key", "model", "target", "status", "seconds", "tokens", "cost"],
        [
            "2025-06-16 12:00:03",
            "req_3",
            "one",
            "gpt",
            "openai/gpt-4o",
            "200",
            "1000+100",
            "$0.0035 (estimated)",
        ],
        [
            "2025-06-16 12:00:02",
            "req_2",
            "one",
            "gpt",
            "openai/gpt-4o",
            "200",
            "1.25",
            "1000+100",
            "no price",
        ],
        ["2025-06-16 12:00:01", "req_1", "one", "gpt", "openai/gpt-4o", "200", "1.25", "1000+100", "$0.0035"],
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--key", "one", "--status", "429"], ["req_2"]),
        (["--outcome", "failed"], ["req_2"]),
        (["--min-cost", "0.5"], ["req_3"]),
        (["--max-cost", "0.4", "--outcome", "ok"], ["req_1"]),
        (["--stream"], ["req_1"]),
        (["--no-stream", "--id", "req_"], ["req_3", "req_2"]),
        (["--id", "up_7", "--since", "2025-06-16T12:00:03"], ["req_3"]),
        (["--until", "2025-06-16T12:00:02"], ["req_1"]),
        (["--team", "nobody"], []),
        (
            ["--owner", "ann", "--model", "gpt", "--dialect", "anthropic", "--target", "openai/gpt-4o"],
            ["req_3", "req_2", "req_1"],
        ),
    ],
)
def test_a_search_finds_what_all_its_options_say(home: Home, words: list[str], found: list[str]) -> None:
    home.write(entry(1, stream=True), entry(3, cost=10**9), entry(2, failure="rate_limit", status=429))
    result = home.run("search", "--json", *words)
    assert result.exit_code == 0, result.output
    assert [row["request_id"] for row in json.loads(result.stdout)["rows"]] == found


def test_a_search_says_how_to_go_on(home: Home) -> None:
    home.write(*(entry(number) for number in range(1, 6)))
    first = home.run("search", "--limit", "3")
    assert first.exit_code == 0
    (word,) = re.findall(r"There is more: --before (\S+)", first.stderr)
    second = home.run("search", "--before", word)
    ids = re.findall(r"req_\d", first.stdout + second.stdout)
    assert ids == ["req_5", "req_4", "req_3", "req_2", "req_1"]
    assert "more" not in second.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--before", "nonsense!"], "before: this is no `next` of an earlier page"),
        (["--since", "yesterday"], "write a date"),
        (["--min-cost", "much"], "write an amount of US dollars"),
        (["--min-cost", "nan"], "write an amount of US dollars"),
        (["--since", "2025-06-17", "--until", "2025-06-16"], "ends: this has to be later than `begins`"),
        (["--status", "20"], "20 is not in the range"),
    ],
)
def test_what_makes_no_sense_ends_with_status_2_and_words(home: Home, words: list[str], problem: str) -> None:
    result = home.run("search", *words)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_nothing_that_a_client_wrote_reaches_the_terminal_as_a_command(home: Home) -> None:
    evil = "\x1b]0;owned\x07\r\nreq_9  fake"
    home.write(entry(1, owner=evil, error=evil, model=evil, target=evil))
    for words in (["search"], ["show", "req_1"], ["costs", "--by", "target", "--since", "2025-06-01"]):
        result = home.run(*words)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.stdout
        assert "\x07" not in result.stdout
        assert "\r" not in result.stdout
        assert not re.search(r"^req_9", result.stdout, re.MULTILINE)
    assert "\\x1b]0;owned\\x07\\r\\nreq_9" in home.run("show", "req_1").stdout


def test_one_request_is_shown_with_its_cost_line_by_line(home: Home) -> None:
    home.write(
        entry(
            1,
            charges=(Charge("key:k1/month/UTC/0", "", 3_500_000),),
            bodies=(BodyEntry("request", "application/json", b"{}"),),
        )
    )
    result = home.run("show", "req_1")
    assert result.exit_code == 0, result.output
    lines = [re.sub(r"  +", "  ", line) for line in result.stdout.splitlines()]
    for line in (
        "request: req_1",
        "key: one (k1)",
        "team: blue",
        "attempt 1: openai/gpt-4o, answered",
        "  upstream's id: up_77",
        "  input  1000  x $2.5  = $0.0025",
        "  output  100  x $10  = $0.001",
        "  prices are for a million tokens, or for a thousand searches: a list, 2025-06-01",
        "  cost: $0.0035",
        "charged: $0.0035 to key:k1/month/UTC/0",
        "body: request, application/json, 2 bytes",
    ):
        assert line in lines, result.stdout
    shown = json.loads(home.run("show", "req_1", "--json").stdout)
    assert shown["attempts"][0]["cost_rows"][0] == {
        "kind": "input",
        "count": 1000,
        "price": "2.5",
        "cost": "0.0025",
    }


def test_a_request_that_is_not_there_ends_with_status_1(home: Home) -> None:
    result = home.run("show", "req_\x1b7")
    assert result.exit_code == 1
    assert result.stderr == "There is no request req_\\x1b7 in the ledger.\n"


def test_costs_are_shown_with_the_most_costly_first(home: Home) -> None:
    home.write(entry(1), entry(2, target="a/b", cost=9 * 10**9, failure="overloaded"), entry(3))
    result = home.run("costs", "--by", "target", "--since", "2025-06-16")
    assert result.exit_code == 0, result.output
    assert [re.split(r"  +", line)[:4] for line in result.stdout.splitlines()] == [
        ["target", "cost", "requests", "failed"],
        ["a/b", "$9.00", "1", "1"],
        ["openai/gpt-4o", "$0.007", "2", "0"],
    ]
    by_key = json.loads(home.run("costs", "--since", "2025-06-16", "--json").stdout)
    assert [(one["name"], one["sums"]["requests"]) for one in by_key] == [("one", 3)]
    assert home.run("costs").stdout == "Nothing was found.\n"


def test_costs_are_computed_once_more_with_the_prices_of_the_configuration(home: Home) -> None:
    home.write(
        entry(1), entry(2, attempts=(attempt(), attempt()), cost=7_000_000), entry(3, attempts=(), cost=None)
    )
    dry = home.run("recompute", "--since", "2025-06-16", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert dry.stdout.splitlines() == [
        "requests: 3",
        "would change: 2 (attempts: 3)",
        "cost before: $0.0105",
        "cost after: $0.018 (+$0.0075)",
        "Nothing was changed.",
    ]
    assert home.run("recompute", "--since", "2025-06-16", "--model", "other*").stdout.splitlines()[1] == (
        "changed: 0 (attempts: 0)"
    )
    done = home.run("recompute", "--since", "2025-06-16", "--model", "*4o")
    assert done.stdout.splitlines()[1:4] == [
        "changed: 2 (attempts: 3)",
        "cost before: $0.0105",
        "cost after: $0.018 (+$0.0075)",
    ]
    again = json.loads(home.run("recompute", "--since", "2025-06-16", "--json").stdout)
    assert again == {
        "requests": 3,
        "changed": 0,
        "attempts": 0,
        "before": 18_000_000,
        "after": 18_000_000,
        "unpriced": 0,
    }
    assert "$0.006" in home.run("show", "req_1").stdout
    assert "the configuration" in home.run("show", "req_1").stdout


def test_recompute_asks_for_a_date(home: Home) -> None:
    result = home.run("recompute")
    assert result.exit_code == 2
    assert "Missing option '--since'" in result.stderr
