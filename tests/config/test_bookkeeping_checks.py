"""The store and the ledger as the configuration says them."""

from collections.abc import Callable

import pytest

from dragoman.config.settings import Settings

Load = Callable[..., Settings]
Problem = Callable[..., str]

PASSWORD = "hunter22"
POSTGRES = (
    "dragoman.toml:2: store.url: this is not the URL of a Postgres database; "
    'write it as "postgresql://user:password@host:5432/name", with %40 for an @ in the password'
)


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@h:5432/n", "postgres:///n", "postgresql://h/n?sslmode=require"]
)
def test_the_url_of_a_postgres_database_is_taken(load: Load, url: str) -> None:
    found = load(f"[store]\nurl = '{url}'\n").store.url
    assert found is not None
    assert found.reveal() == url


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{PASSWORD}@host/n",
        f"me:{PASSWORD}@host/n",
        "sqlite:///x.db",
        f"postgresql:me:{PASSWORD}",
        "",
    ],
)
def test_another_url_is_refused_and_not_shown(problem: Problem, url: str) -> None:
    assert problem(f"[store]\nurl = '{url}'\n") == POSTGRES


def test_a_url_that_cannot_be_read_is_refused_and_not_shown(problem: Problem) -> None:
    message = problem(f"[store]\nurl = 'postgresql://me:{PASSWORD}@[host/n'\n")
    assert message.startswith("dragoman.toml:2: store.url: this is not a URL; write it as")
    assert PASSWORD not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            '[ledger]\nbodies = "full"\nredact = [\n  "ok",\n  "(",\n]\n',
            "dragoman.toml:5: ledger.redact[1]: this is not a regular expression "
            "(missing ), unterminated subpattern at position 0); "
            "write one as Python's re takes them, between '...' so that \\ stays as it is",
            id="a broken pattern",
        ),
        pytest.param(
            '[ledger]\nredact = ["x"]\n',
            "dragoman.toml:2: ledger.redact: no bodies are kept (bodies), so nothing is taken out; "
            'write bodies = "full" as well, or remove redact',
            id="a pattern for nothing",
        ),
        pytest.param(
            '[ledger]\nunpriced = "assume"\n',
            'dragoman.toml:2: ledger.unpriced: unpriced = "assume" needs the price to assume; '
            "write assumed_price = { input = 5.0, output = 15.0 } as well",
            id="no price to assume",
        ),
        pytest.param(
            "[ledger.assumed_price]\ninput = 5\noutput = 15\n",
            'dragoman.toml:1: ledger.assumed_price: unpriced = "warn" assumes no price; '
            'write unpriced = "assume", or remove assumed_price',
            id="a price that nobody assumes",
        ),
        pytest.param(
            '[ledger]\nunpriced = "free"\n',
            'dragoman.toml:2: ledger.unpriced: "free" is not possible here; '
            "write one of: assume, block, warn",
            id="a policy that there is not",
        ),
        pytest.param(
            "[ledger]\nretention = -1\n",
            "dragoman.toml:2: ledger.retention: expected a number of at least 0; "
            "write for example retention = 0.0",
            id="rows kept for less than nothing",
        ),
    ],
)
def test_what_cannot_be_meant_is_reported_with_line_key_and_remedy(
    problem: Problem, text: str, message: str
) -> None:
    assert problem(text) == message


def test_an_assumed_price_is_taken(load: Load) -> None:
    ledger = load('[ledger]\nunpriced = "assume"\nassumed_price = { input = 5, output = 15 }\n').ledger
    assert ledger.assumed_price is not None
    assert (ledger.assumed_price.input, ledger.assumed_price.output) == (5.0, 15.0)
