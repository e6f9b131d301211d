"""What can be done about keys."""

import datetime as dt
import time
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from dragoman.access.issuing import Issuing, KeyChange, NewKey, OvertakenError
from dragoman.config.allowance import BudgetSettings, KeyRules, LimitSettings
from dragoman.console import key_resources as wire
from dragoman.console.audit import note
from dragoman.console.opening import BASE
from dragoman.console.operation import Answer, Asked, Operation, Run, entity_tag, expected_revision
from dragoman.console.orders import carrying_out
from dragoman.console.paging import page
from dragoman.console.reading import moment
from dragoman.store.keys import StoredKey, StoredTeam

MOST_TRIES = 5
"""How often a change is made anew because somebody else has changed the same key meanwhile."""

_RULES = ("tags", "routes", "priority", "max_concurrent", "limits", "budgets")


class Keys:
    """The operations on keys. `now` is the time in Unix seconds."""

    def __init__(self, issuing: Issuing, now: Callable[[], float] = time.time) -> None:
        self._issuing = issuing
        self._now = now

    def operations(self) -> list[Operation]:
        """All of them."""
        one = "/keys/{key}"
        return [
            Operation(
                method="GET",
                path="/keys",
                name="listKeys",
                summary="List keys, the newest first",
                description="Keys of the configuration file are not among them.",
                run=self.listed,
                parameters=wire.KeyQuery,
                answer=wire.KeyPage,
                answer_example=wire.KeyPage((_EXAMPLE,), None),
            ),
            Operation(
                method="POST",
                path="/keys",
                name="createKey",
                summary="Make a key",
                description="The answer has the key's text, which is shown this once and kept nowhere.",
                run=self.create,
                body=wire.NewKey,
                answer=wire.IssuedKey,
                status=201,
                problems=("conflict",),
                tagged=True,
                body_example=_NEW,
                answer_example=_ISSUED,
            ),
            Operation(
                method="GET",
                path=one,
                name="showKey",
                summary="Show a key",
                run=self.show,
                answer=wire.KeyAnswer,
                problems=("not_found",),
                tagged=True,
                answer_example=_EXAMPLE,
            ),
            Operation(
                method="PATCH",
                path=one,
                name="changeKey",
                summary="Change a key",
                description="Fields that are left out stay as they are; lists are replaced as a whole.",
                run=self.change,
                body=wire.KeyChange,
                answer=wire.KeyAnswer,
                problems=("not_found", "conflict", "precondition_failed"),
                tagged=True,
                conditional=True,
                body_example=wire.KeyChange(budgets=(BudgetSettings(50.0),)),
                answer_example=msgspec.structs.replace(_EXAMPLE, budgets=(BudgetSettings(50.0),)),
            ),
            Operation(
                method="DELETE",
                path=one,
                name="deleteKey",
                summary="Take a key back for good",
                description="The ledger still knows what it was called.",
                run=self.delete,
                status=204,
                problems=("not_found", "conflict", "precondition_failed"),
                conditional=True,
            ),
            Operation(
                method="POST",
                path=f"{one}/rotate",
                name="rotateKey",
                summary="Give a key another text",
                description="The answer has the new text, which is shown this once and kept nowhere. Nothing "
                "else of the key changes. With `If-Match`, a request that is sent twice rotates once.",
                run=self.rotate,
                body=wire.Rotation,
                answer=wire.IssuedKey,
                problems=("not_found", "conflict", "precondition_failed"),
                tagged=True,
                conditional=True,
                body_example=wire.Rotation(3600.0),
                answer_example=msgspec.structs.replace(_ISSUED, rotated_until=moment(1_795_363_200.0)),
            ),
            self._switch("disable", "Let a key open nothing until it is enabled", self.disable, _DISABLED),
            self._switch("enable", "Let a key open the gateway again", self.enable, _EXAMPLE),
        ]

    def _switch(self, word: str, summary: str, run: Run, example: wire.KeyAnswer) -> Operation:
        return Operation(
            method="POST",
            path=f"/keys/{{key}}/{word}",
            name=f"{word}Key",
            summary=summary,
            run=run,
            answer=wire.KeyAnswer,
            problems=("not_found", "conflict", "precondition_failed"),
            tagged=True,
            conditional=True,
            answer_example=example,
        )

    async def listed(self, asked: Asked) -> Answer:
        """`GET /keys`."""
        query = asked.parameters(wire.KeyQuery)
        with carrying_out():
            keys, teams = await self._issuing.keys(), await self._teams()
        now = self._now()
        there = [((key.created, key.id), key) for key in keys if _fits(key, query, teams, now)]
        shown, following = page(there, query.limit, query.cursor, falling=True)
        found = tuple(_rendered(key, teams.get(key.team or ""), now) for key in shown)
        return Answer(wire.KeyPage(found, following))

    async def show(self, asked: Asked) -> Answer:
        """`GET /keys/{key}`."""
        with carrying_out():
            return await self._answer(await self._issuing.key(asked.path["key"]))

    async def create(self, asked: Asked) -> Answer:
        """`POST /keys`."""
        sent = asked.body(wire.NewKey)
        rules = KeyRules(**{field: getattr(sent, field) for field in _RULES})
        expires = None if sent.expires is None else sent.expires.timestamp()
        order = NewKey(sent.name, sent.owner, sent.team, rules, expires)
        with carrying_out():
            issued = await self._issuing.create_key(order)
            note(asked, "a key was created", key=issued.key.name, key_id=issued.key.id, team=sent.team or "")
            answer = await self._answer(issued.key, issued.text, status=201)
        place = ("location", f"{BASE}/keys/{issued.key.id}")
        return msgspec.structs.replace(answer, headers=(*answer.headers, place))

    async def change(self, asked: Asked) -> Answer:
        """`PATCH /keys/{key}`."""
        sent = asked.body(wire.KeyChange)
        return await self._changed(asked, sent)

    async def disable(self, asked: Asked) -> Answer:
        """`POST /keys/{key}/disable`."""
        return await self._changed(asked, wire.KeyChange(disabled=True))

    async def enable(self, asked: Asked) -> Answer:
        """`POST /keys/{key}/enable`."""
        return await self._changed(asked, wire.KeyChange(disabled=False))

    async def rotate(self, asked: Asked) -> Answer:
        """`POST /keys/{key}/rotate`."""
        overlap = asked.body(wire.Rotation).overlap
        with carrying_out(asked):
            key, expected = await self._present(asked)
            issued = await self._issuing.rotate_key(key.id, overlap, expected=expected)
            note(asked, "a key was rotated", key=key.name, key_id=key.id, overlap=overlap)
            return await self._answer(issued.key, issued.text)

    async def delete(self, asked: Asked) -> Answer:
        """`DELETE /keys/{key}`."""
        with carrying_out(asked):
            key, expected = await self._present(asked)
            await self._issuing.delete_key(key.id, expected=expected)
        note(asked, "a key was deleted", key=key.name, key_id=key.id)
        return Answer(status=204)

    async def _changed(self, asked: Asked, sent: wire.KeyChange) -> Answer:
        with carrying_out(asked):
            key = await self._change(asked, sent)
            fields = [name for name, value in msgspec.structs.asdict(sent).items() if value is not UNSET]
            note(asked, "a key was changed", key=key.name, key_id=key.id, fields=", ".join(fields))
            return await self._answer(key)

    async def _change(self, asked: Asked, sent: wire.KeyChange) -> StoredKey:
        given = msgspec.structs.asdict(sent)
        rules = {field: given[field] for field in _RULES if given[field] is not UNSET}
        tries_left = MOST_TRIES
        while True:
            key, _ = await self._present(asked)
            change = KeyChange(
                sent.name,
                sent.owner,
                sent.team,
                msgspec.structs.replace(key.rules, **rules) if rules else UNSET,
                sent.expires.timestamp() if isinstance(sent.expires, dt.datetime) else sent.expires,
                sent.disabled,
            )
            try:
                return await self._issuing.change_key(key.id, change, expected=key.revision)
            except OvertakenError:
                tries_left -= 1
                if not tries_left:
                    raise

    async def _present(self, asked: Asked) -> tuple[StoredKey, int | None]:
        """The key that a request is about, and the revision that it is for."""
        key = await self._issuing.key(asked.path["key"])
        return key, expected_revision(asked, key.revision)

    async def _answer(self, key: StoredKey, text: str | None = None, status: int = 200) -> Answer:
        teams = await self._teams() if key.team else {}
        content = _rendered(key, teams.get(key.team or ""), self._now())
        if text is not None:
            content = wire.IssuedKey(**msgspec.structs.asdict(content), key=text)
        return Answer(content, status, (("etag", entity_tag(key.revision)),))

    async def _teams(self) -> dict[str, StoredTeam]:
        return {team.id: team for team in await self._issuing.teams()}


def _fits(key: StoredKey, query: wire.KeyQuery, teams: dict[str, StoredTeam], now: float) -> bool:
    team = teams.get(key.team or "")
    return (
        (query.team is None or (team is not None and query.team in {team.id, team.name}))
        and query.owner in {None, key.owner}
        and (query.tag is None or query.tag in key.rules.tags)
        and query.state in {None, _state(key, now)}
    )


def _state(key: StoredKey, now: float) -> wire.KeyState:
    if key.disabled:
        return "disabled"
    return "expired" if key.expires is not None and key.expires <= now else "active"


def _rendered(key: StoredKey, team: StoredTeam | None, now: float) -> wire.KeyAnswer:
    rules = key.rules
    ends = [one.expires for one in key.hashes if one.expires is not None and one.expires > now]
    return wire.KeyAnswer(
        id=key.id,
        name=key.name,
        owner=key.owner,
        state=_state(key, now),
        team=None if team is None else wire.TeamName(team.id, team.name),
        tags=rules.tags,
        routes=rules.routes,
        priority=rules.priority,
        max_concurrent=rules.max_concurrent,
        limits=rules.limits,
        budgets=rules.budgets,
        disabled=key.disabled,
        expires=None if key.expires is None else moment(key.expires),
        rotated_until=moment(max(ends)) if ends else None,
        created=moment(key.created),
        updated=moment(key.updated),
    )


_NEW = wire.NewKey(
    name="ada-laptop",
    owner="ada@example.com",
    team="research",
    routes=("gpt-*",),
    limits=(LimitSettings(requests=100, per="minute"),),
    budgets=(BudgetSettings(25.0, "month", "Europe/Berlin"),),
)
_EXAMPLE = wire.KeyAnswer(
    id="key_0f3c1b5a9d2e4f60",
    name="ada-laptop",
    owner="ada@example.com",
    state="active",
    team=wire.TeamName("team_5b1d0c9e7f2a3846", "research"),
    tags=(),
    routes=("gpt-*",),
    priority=0,
    max_concurrent=None,
    limits=(LimitSettings(requests=100, per="minute"),),
    budgets=(BudgetSettings(25.0, "month", "Europe/Berlin"),),
    disabled=False,
    expires=None,
    rotated_until=None,
    created=moment(1_795_356_000.0),
    updated=moment(1_795_356_000.0),
)
_ISSUED = wire.IssuedKey(**msgspec.structs.asdict(_EXAMPLE), key="sk-dr-...")
_DISABLED = msgspec.structs.replace(_EXAMPLE, disabled=True, state="disabled")
