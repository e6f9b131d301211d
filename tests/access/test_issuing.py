"""Making, changing and taking back keys and teams."""

import asyncio
from typing import Protocol

import msgspec
import pytest

from dragoman.access.issuing import Issuing, IssuingError, KeyChange, NewKey, TeamChange
from dragoman.access.secret import KeySecret
from dragoman.config.allowance import BudgetSettings, KeyRules, LimitSettings, TeamSettings
from dragoman.config.source import ConfigError
from dragoman.store.keys import KeyHash
from dragoman.store.shared_keys import SharedKeys

pytestmark = pytest.mark.anyio


class Clock(Protocol):
    """See `conftest.Clock`."""

    now: float

    def __call__(self) -> float: ...


async def test_a_key_is_kept_as_a_hash_and_shown_once(
    issuing: Issuing, store: SharedKeys, secret: KeySecret, clock: Clock
) -> None:
    issued = await issuing.create_key(NewKey("alice"))
    assert issued.key.hashes == (KeyHash(secret.digest(issued.text).hex(), clock.now),)
    assert issued.text not in str(await store.changes(0))
    assert issued.text[6:] not in str(issued.key)
    assert await issuing.key("alice") == await issuing.key(issued.key.id) == issued.key
    assert await issuing.keys() == [issued.key]


async def test_a_team_is_named_by_its_id_or_its_name(issuing: Issuing) -> None:
    team = await issuing.create_team("research", TeamSettings())
    for number, name in enumerate((team.id, "research")):
        issued = await issuing.create_key(NewKey(f"key {number}", team=name))
        assert issued.key.team == team.id


WRONG_RULES: list[tuple[KeyRules, str]] = [
    (
        KeyRules(budgets=(BudgetSettings(5.0, zone="Europe/Berln"),)),
        'rules.budgets[0].zone: there is no time zone "Europe/Berln"; did you mean "Europe/Berlin"?',
    ),
    (
        KeyRules(budgets=(BudgetSettings(5.0, zone="../../etc/passwd"),)),
        'rules.budgets[0].zone: there is no time zone "../../etc/passwd"',
    ),
    (
        KeyRules(budgets=(BudgetSettings(5.0, "day"), BudgetSettings(6.0, "day", "Europe/Berlin"))),
        'rules.budgets[1]: there is a budget for per = "day" already',
    ),
    (KeyRules(budgets=(BudgetSettings(-5.0),)), "rules.budgets[0].amount: Expected `float` > 0.0"),
    (KeyRules(limits=(LimitSettings(),)), "rules.limits[0]: nothing is limited"),
    (
        KeyRules(limits=(LimitSettings(requests=1), LimitSettings(requests=1, cost=1.0))),
        "rules.limits[1]: requests and cost stand in one limit",
    ),
    (KeyRules(limits=(LimitSettings(requests=0),)), "rules.limits[0].requests: Expected `int` >= 1"),
    (KeyRules(max_concurrent=0), "rules.max_concurrent: Expected `int` >= 1"),
    (KeyRules(priority=101), "rules.priority: Expected `int` <= 100"),
    (KeyRules(routes=("gpt-*", " ")), "rules.routes[1]: the text is empty"),
    (KeyRules(tags=("a\nb",)), "rules.tags[0]: the text has a character in it that cannot be seen"),
]


@pytest.mark.parametrize(("rules", "message"), WRONG_RULES)
async def test_rules_that_cannot_be_meant_are_refused_by_name(
    issuing: Issuing, rules: KeyRules, message: str
) -> None:
    await issuing.create_key(NewKey("alice"))
    for order in (
        issuing.create_key(NewKey("bob", rules=rules)),
        issuing.change_key("alice", KeyChange(rules=rules)),
    ):
        with pytest.raises(IssuingError) as caught:
            await order
        assert str(caught.value).startswith(message)
        assert caught.value.kind == "invalid"
    assert [key.rules for key in await issuing.keys()] == [KeyRules()]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "the text is empty"),
        ("  ", "the text is empty"),
        (" a", "begins or ends with a space"),
        ("a\x00b", "cannot be seen"),
        ("a\r\nlevel=error", "cannot be seen"),
        ("a\x1b[31m", "cannot be seen"),
        ("a\u202eb", "cannot be seen"),
        ("a\u2028b", "cannot be seen"),
        ("\ud800", "cannot be seen"),
        ("x" * 201, "201 characters long"),
        ("key_0123456789abcdef", "has the form of an id"),
        ("team_0123456789abcdef", "has the form of an id"),
    ],
)
async def test_names_that_could_break_a_list_or_a_log_are_refused(
    issuing: Issuing, name: str, problem: str
) -> None:
    await issuing.create_key(NewKey("alice"))
    await issuing.create_team("research", TeamSettings())
    for order in (
        issuing.create_key(NewKey(name)),
        issuing.create_team(name, TeamSettings()),
        issuing.change_key("alice", KeyChange(name=name)),
        issuing.change_team("research", TeamChange(name=name)),
    ):
        with pytest.raises(IssuingError, match=problem) as caught:
            await order
        assert (caught.value.kind, caught.value.field) == ("invalid", "name")


@pytest.mark.parametrize(
    "name", ["'; DROP TABLE keys; --", 'a"b', "50%", "日本語 🎈", "a\\b", "x" * 200, "{}"]
)
async def test_any_visible_name_is_only_a_name(issuing: Issuing, name: str) -> None:
    issued = await issuing.create_key(NewKey(name, owner=name))
    team = await issuing.create_team(name, TeamSettings())
    assert (await issuing.key(name)).id == issued.key.id
    assert (await issuing.team(name)).id == team.id


@pytest.mark.parametrize("owner", ["a\x00", "a\nb", "x" * 201])
async def test_an_owner_is_held_to_the_same(issuing: Issuing, owner: str) -> None:
    with pytest.raises(IssuingError) as caught:
        await issuing.create_key(NewKey("alice", owner=owner))
    assert caught.value.field == "owner"


@pytest.mark.parametrize("offset", [0.0, -1.0, float("nan"), float("inf"), 1e12])
async def test_an_end_lies_in_the_future(issuing: Issuing, clock: Clock, offset: float) -> None:
    with pytest.raises(IssuingError, match="expires: this is not in the future"):
        await issuing.create_key(NewKey("alice", expires=clock.now + offset))


@pytest.mark.parametrize("team", ["nobody", "\x00", "\ud800", ""])
async def test_an_unknown_team_is_refused(issuing: Issuing, team: str) -> None:
    with pytest.raises(IssuingError, match="team: there is no team with this id or name") as caught:
        await issuing.create_key(NewKey("alice", team=team))
    assert caught.value.kind == "invalid"
    assert await issuing.keys() == []


@pytest.mark.parametrize("name", ["nobody", "\x00", "\ud800", "", "sk-dr-" + "a" * 43])
async def test_what_is_not_there_is_missing_and_what_was_typed_is_not_said_again(
    issuing: Issuing, name: str
) -> None:
    for order in (
        issuing.key(name),
        issuing.rotate_key(name),
        issuing.disable_key(name),
        issuing.enable_key(name),
        issuing.delete_key(name),
        issuing.change_key(name, KeyChange(owner="x")),
        issuing.team(name),
        issuing.delete_team(name),
        issuing.change_team(name, TeamChange(name="x")),
    ):
        with pytest.raises(IssuingError) as caught:
            await order
        assert caught.value.kind == "missing"
        assert not name or name not in str(caught.value)


async def test_a_change_touches_only_what_it_names(issuing: Issuing, clock: Clock) -> None:
    team = await issuing.create_team("research", TeamSettings())
    rules = KeyRules(tags=("gold",))
    made = (await issuing.create_key(NewKey("alice", "Alice", team.id, rules, clock.now + 9))).key
    clock.now += 1
    changed = await issuing.change_key("alice", KeyChange(name="anna"))
    assert changed == msgspec.structs.replace(
        made, name="anna", updated=clock.now, revision=made.revision + 1
    )
    changed = await issuing.change_key("anna", KeyChange(team=None, expires=None, disabled=True))
    assert (changed.team, changed.expires, changed.disabled, changed.rules) == (None, None, True, rules)
    changed = await issuing.change_key("anna", KeyChange(team="research", rules=KeyRules()))
    assert (changed.team, changed.rules, changed.owner) == (team.id, KeyRules(), "Alice")


async def test_a_change_to_another_revision_than_expected_is_a_conflict(issuing: Issuing) -> None:
    key = (await issuing.create_key(NewKey("alice"))).key
    await issuing.change_key("alice", KeyChange(owner="somebody"), expected=key.revision)
    with pytest.raises(IssuingError, match="somebody else has changed it") as caught:
        await issuing.change_key("alice", KeyChange(owner="me"), expected=key.revision)
    assert caught.value.kind == "conflict"
    team = await issuing.create_team("research", TeamSettings())
    await issuing.change_team("research", TeamChange(name="science"), expected=team.revision)
    with pytest.raises(IssuingError, match="somebody else has changed it"):
        await issuing.change_team("science", TeamChange(name="x"), expected=team.revision)


async def test_changes_to_different_things_at_once_are_all_made(issuing: Issuing) -> None:
    await issuing.create_key(NewKey("alice"))
    await asyncio.gather(
        issuing.change_key("alice", KeyChange(owner="Alice")),
        issuing.change_key("alice", KeyChange(rules=KeyRules(priority=3))),
        issuing.disable_key("alice"),
    )
    key = await issuing.key("alice")
    assert (key.owner, key.rules.priority, key.disabled) == ("Alice", 3, True)


async def test_a_taken_name_is_a_conflict(issuing: Issuing) -> None:
    await issuing.create_key(NewKey("alice"))
    await issuing.create_key(NewKey("bob"))
    await issuing.create_team("research", TeamSettings())
    for order in (
        issuing.create_key(NewKey("alice")),
        issuing.change_key("bob", KeyChange(name="alice")),
        issuing.create_team("research", TeamSettings()),
    ):
        with pytest.raises(IssuingError, match="already") as caught:
            await order
        assert (caught.value.kind, caught.value.field) == ("conflict", "name")


async def test_a_second_rotation_ends_the_first_text(
    issuing: Issuing, secret: KeySecret, clock: Clock
) -> None:
    first = await issuing.create_key(NewKey("alice"))
    clock.now += 1
    second = await issuing.rotate_key("alice", 100.0)
    clock.now += 1
    third = await issuing.rotate_key("alice", 50.0)
    assert third.key.hashes == (
        KeyHash(secret.digest(third.text).hex(), clock.now),
        KeyHash(secret.digest(second.text).hex(), clock.now - 1, clock.now + 50),
    )
    assert secret.digest(first.text).hex() not in str(third.key)


@pytest.mark.parametrize("overlap", [-1.0, float("nan"), float("inf"), 4e7])
async def test_an_overlap_is_at_most_a_year(issuing: Issuing, overlap: float) -> None:
    await issuing.create_key(NewKey("alice"))
    with pytest.raises(IssuingError, match="write 0 to 3") as caught:
        await issuing.rotate_key("alice", overlap)
    assert caught.value.field == "overlap"


async def test_a_deleted_key_has_nothing_left_that_opens_it(issuing: Issuing, store: SharedKeys) -> None:
    issued = await issuing.create_key(NewKey("alice"))
    gone = await issuing.delete_key("alice")
    assert gone.hashes == ()
    assert await issuing.keys() == []
    again = await issuing.create_key(NewKey("alice"))
    assert again.key.id != issued.key.id
    assert [key.id for key in (await store.changes(0)).keys] == [again.key.id]


async def test_a_team_with_keys_goes_only_by_force(issuing: Issuing) -> None:
    await issuing.create_team("research", TeamSettings())
    key = (await issuing.create_key(NewKey("alice", team="research"))).key
    with pytest.raises(IssuingError, match="team: a key belongs to it; move or delete") as caught:
        await issuing.delete_team("research")
    assert caught.value.kind == "conflict"
    await issuing.delete_team("research", force=True)
    assert await issuing.teams() == []
    assert (await issuing.key(key.id)).team is None
    await issuing.disable_key(key.id)  # what is left of it can still be changed


async def test_a_team_changes_as_a_key_does(issuing: Issuing) -> None:
    team = await issuing.create_team("research", TeamSettings(max_concurrent=3))
    changed = await issuing.change_team(team.id, TeamChange(name="science"))
    assert (changed.id, changed.name, changed.rules) == (team.id, "science", team.rules)
    rules = TeamSettings(limits=(LimitSettings(tokens=5, per="hour"),))
    assert (await issuing.change_team("science", TeamChange(rules=rules))).rules == rules
    with pytest.raises(IssuingError, match=r"rules\.limits\[0\]: nothing is limited"):
        await issuing.change_team("science", TeamChange(rules=TeamSettings(limits=(LimitSettings(),))))


async def test_a_gateway_with_another_secret_makes_no_keys(
    issuing: Issuing, store: SharedKeys, clock: Clock
) -> None:
    await issuing.create_key(NewKey("alice"))
    other = Issuing(store, lambda: KeySecret(b"another secret, which is too long"), clock)
    with pytest.raises(ConfigError, match="set \\[auth\\] secret to the same value"):
        await other.create_key(NewKey("bob"))
    with pytest.raises(ConfigError):
        await other.rotate_key("alice")
    assert [key.name for key in await issuing.keys()] == ["alice"]
    await other.disable_key("alice")  # for which no secret is needed
