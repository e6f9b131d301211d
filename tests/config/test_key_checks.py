"""Keys, teams, limits and budgets of the configuration that cannot be meant so."""

from collections.abc import Callable

import pytest

from dragoman.config.allowance import BudgetSettings, LimitSettings, TeamSettings
from dragoman.config.settings import Settings

Load = Callable[..., Settings]
Problem = Callable[..., str]

ALICE = '[keys.alice]\nkey = "sk-alice"\n'


def test_teams_are_read_with_all_that_they_hold(load: Load) -> None:
    settings = load(
        "[teams.research]\nmax_concurrent = 5\nlimits = [{ requests = 60 }, { cost = 1.5, per = 'hour' }]\n"
        "[[teams.research.budgets]]\namount = 50\nzone = 'Europe/Berlin'\n"
        f"{ALICE}team = 'research'\nroutes = ['gpt-*']\n"
    )
    assert settings.teams["research"] == TeamSettings(
        max_concurrent=5,
        limits=(LimitSettings(requests=60), LimitSettings(cost=1.5, per="hour")),
        budgets=(BudgetSettings(50.0, "month", "Europe/Berlin"),),
    )
    assert (settings.keys["alice"].team, settings.keys["alice"].routes) == ("research", ("gpt-*",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            f"{ALICE}team = 'reserch'\n[teams.research]\n",
            "dragoman.toml:3: keys.alice.team: there is no such team; did you mean 'research'? "
            "(known here: research)",
            id="a misspelt team",
        ),
        pytest.param(
            f"{ALICE}team = 'research'\n",
            "dragoman.toml:3: keys.alice.team: there is no such team; write [teams.research] too",
            id="a team where there are none",
        ),
        pytest.param(
            '[teams."a b"]\n',
            'dragoman.toml:1: teams."a b": this cannot be the name of a team; '
            "use letters, digits, dots, underscores, hyphens and @",
            id="a team with a space",
        ),
        pytest.param(
            "[teams.a]\nbudget = 5\n",
            "dragoman.toml:2: teams.a.budget: unknown key; did you mean 'budgets'? "
            "(known here: max_concurrent, limits, budgets)",
            id="a misspelt rule",
        ),
        pytest.param(
            "[teams.a]\nlimits = [\n  { requests = 5 },\n  { per = 'day' },\n]\n",
            "dragoman.toml:4: teams.a.limits[1]: nothing is limited; "
            "write requests, tokens or cost, such as { requests = 100 }",
            id="a limit of nothing",
        ),
        pytest.param(
            f"{ALICE}[[keys.alice.limits]]\nrequests = 5\ntokens = 6\n",
            "dragoman.toml:3: keys.alice.limits[0]: requests and tokens stand in one limit; "
            "write one limit for each of them",
            id="two limits in one",
        ),
        pytest.param(
            "[teams.a]\nlimits = { requests = 5 }\n",
            "dragoman.toml:2: teams.a.limits: expected a list, not a table; "
            'write for example limits = [{ requests = 100, per = "minute" }]',
            id="a limit without a list",
        ),
        pytest.param(
            "[teams.a]\nbudgets = [{ per = 'day' }]\n",
            "dragoman.toml:2: teams.a.budgets[0].amount: this key is missing; write amount = 50.0",
            id="a budget without an amount",
        ),
        pytest.param(
            "[teams.a]\nbudgets = [{ amount = 5 }, { amount = 6 }]\n",
            'dragoman.toml:2: teams.a.budgets[1]: there is a budget for per = "month" already; '
            "keep one of the two",
            id="two budgets for a period",
        ),
        pytest.param(
            "[teams.a]\nbudgets = [{ amount = 5, per = 'year' }]\n",
            'dragoman.toml:2: teams.a.budgets[0].per: "year" is not possible here; '
            "write one of: day, month, total, week",
            id="a period that there is not",
        ),
        pytest.param(
            "[teams.a]\n[[teams.a.budgets]]\namount = 5\nzone = 'Europe/Berln'\n",
            'dragoman.toml:4: teams.a.budgets[0].zone: there is no time zone "Europe/Berln"; '
            'did you mean "Europe/Berlin"?',
            id="a misspelt time zone",
        ),
        pytest.param(
            "[routes.a]\ntargets = ['demo/demo']\nbudgets = [{ amount = 5, zone = '/etc/localtime' }]\n",
            'dragoman.toml:3: routes.a.budgets[0].zone: there is no time zone "/etc/localtime"; '
            'write a name such as "Europe/Berlin"',
            id="a path as a time zone",
        ),
        pytest.param(
            "[teams.a]\nbudgets = [{ amount = 5, zone = 'localtime' }]\n",
            'dragoman.toml:2: teams.a.budgets[0].zone: there is no time zone "localtime"; '
            'write a name such as "Europe/Berlin"',
            id="whatever the machine's time zone is",
        ),
        pytest.param(
            f"{ALICE}routes = ['gpt-*', '']\n",
            "dragoman.toml:3: keys.alice.routes[1]: expected text that is not empty; "
            'write for example routes = ["gpt-*"]',
            id="an empty pattern",
        ),
        pytest.param(
            '[auth]\nadmin_key = "fifteen-letters"\n',
            "dragoman.toml:2: auth.admin_key: this is shorter than 16 characters, and could be guessed; "
            "write a long random one, such as what 'openssl rand -hex 32' prints",
            id="a short admin key",
        ),
        pytest.param(
            '[auth]\nadmin_key = "sixteen letters!"\n',
            "dragoman.toml:2: auth.admin_key: the key has a space or a character that HTTP cannot carry; "
            "write only letters, digits and punctuation of ASCII",
            id="an admin key with a space",
        ),
        pytest.param(
            '[keys.a]\nkey = "the-key-of-a-client"\n[auth]\nadmin_key = "the-key-of-a-client"\n',
            "dragoman.toml:4: auth.admin_key: this is the same as keys.a.key; "
            "write another one: each of them is for one purpose",
            id="an admin key of a client",
        ),
        pytest.param(
            '[auth]\nkeys = ["the-key-of-a-client"]\nadmin_key = "the-key-of-a-client"\n',
            "dragoman.toml:3: auth.admin_key: this is the same as auth.keys[0]; "
            "write another one: each of them is for one purpose",
            id="an admin key that is listed",
        ),
        pytest.param(
            f'[auth]\nsecret = "{"x" * 31}"\n',
            "dragoman.toml:2: auth.secret: this is shorter than 32 characters, and could be guessed; "
            "write a long random one, such as what 'openssl rand -hex 32' prints",
            id="a short secret",
        ),
        pytest.param(
            f'[auth]\nsecret = "{"x" * 32}"\nadmin_key = "{"x" * 32}"\n',
            "dragoman.toml:3: auth.admin_key: this is the same as auth.secret; "
            "write another one: each of them is for one purpose",
            id="a secret for two purposes",
        ),
    ],
)
def test_what_cannot_be_meant_is_reported_with_line_key_and_remedy(
    problem: Problem, text: str, message: str
) -> None:
    assert problem(text) == message


def test_a_limit_of_each_kind_may_stand_beside_the_others(load: Load) -> None:
    limits = "limits = [{ requests = 1 }, { requests = 9, per = 'day' }, { tokens = 1 }, { cost = 0.01 }]"
    assert len(load(f"{ALICE}{limits}\n").keys["alice"].limits) == 4
