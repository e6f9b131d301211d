"""What can be done about teams."""

import msgspec
from msgspec import UNSET

from dragoman.access.issuing import Issuing, OvertakenError, TeamChange
from dragoman.config.allowance import BudgetSettings, TeamSettings
from dragoman.console import key_resources as wire
from dragoman.console.audit import note
from dragoman.console.opening import BASE
from dragoman.console.operation import Answer, Asked, Operation, entity_tag, expected_revision
from dragoman.console.orders import carrying_out
from dragoman.console.paging import page
from dragoman.console.reading import moment
from dragoman.store.keys import StoredTeam

MOST_TRIES = 5
"""How often a change is made anew because somebody else has changed the same team meanwhile."""

_RULES = ("max_concurrent", "limits", "budgets")


class Teams:
    """The operations on teams."""

    def __init__(self, issuing: Issuing) -> None:
        self._issuing = issuing

    def operations(self) -> list[Operation]:
        """All of them."""
        one = "/teams/{team}"
        return [
            Operation(
                method="GET",
                path="/teams",
                name="listTeams",
                summary="List teams, by name",
                description="Teams of the configuration file are not among them.",
                run=self.listed,
                parameters=wire.TeamQuery,
                answer=wire.TeamPage,
                answer_example=wire.TeamPage((_EXAMPLE,), None),
            ),
            Operation(
                method="POST",
                path="/teams",
                name="createTeam",
                summary="Make a team",
                run=self.create,
                body=wire.NewTeam,
                answer=wire.TeamAnswer,
                status=201,
                problems=("conflict",),
                tagged=True,
                body_example=wire.NewTeam(name="research", budgets=_EXAMPLE.budgets),
                answer_example=_EXAMPLE,
            ),
            Operation(
                method="GET",
                path=one,
                name="showTeam",
                summary="Show a team",
                run=self.show,
                answer=wire.TeamAnswer,
                problems=("not_found",),
                tagged=True,
                answer_example=_EXAMPLE,
            ),
            Operation(
                method="PATCH",
                path=one,
                name="changeTeam",
                summary="Change a team",
                description="Fields that are left out stay as they are; lists are replaced as a whole.",
                run=self.change,
                body=wire.TeamChange,
                answer=wire.TeamAnswer,
                problems=("not_found", "conflict", "precondition_failed"),
                tagged=True,
                conditional=True,
                body_example=wire.TeamChange(max_concurrent=8),
                answer_example=msgspec.structs.replace(_EXAMPLE, max_concurrent=8),
            ),
            Operation(
                method="DELETE",
                path=one,
                name="deleteTeam",
                summary="Take a team away for good",
                description="The ledger still knows what it was called. A team with keys stays, unless "
                "`force` is true.",
                run=self.delete,
                parameters=wire.TeamDeletion,
                status=204,
                problems=("not_found", "conflict", "precondition_failed"),
                conditional=True,
            ),
        ]

    async def listed(self, asked: Asked) -> Answer:
        """`GET /teams`."""
        query = asked.parameters(wire.TeamQuery)
        with carrying_out():
            teams = await self._issuing.teams()
        shown, following = page([((team.name, team.id), team) for team in teams], query.limit, query.cursor)
        return Answer(wire.TeamPage(tuple(_rendered(team) for team in shown), following))

    async def show(self, asked: Asked) -> Answer:
        """`GET /teams/{team}`."""
        with carrying_out():
            return _answer(await self._issuing.team(asked.path["team"]))

    async def create(self, asked: Asked) -> Answer:
        """`POST /teams`."""
        sent = asked.body(wire.NewTeam)
        rules = TeamSettings(max_concurrent=sent.max_concurrent, limits=sent.limits, budgets=sent.budgets)
        with carrying_out():
            team = await self._issuing.create_team(sent.name, rules)
        note(asked, "a team was created", team=team.name, team_id=team.id)
        answer = _answer(team, 201)
        return msgspec.structs.replace(
            answer, headers=(*answer.headers, ("location", f"{BASE}/teams/{team.id}"))
        )

    async def change(self, asked: Asked) -> Answer:
        """`PATCH /teams/{team}`."""
        sent = asked.body(wire.TeamChange)
        with carrying_out(asked):
            team = await self._change(asked, sent)
        fields = [name for name, value in msgspec.structs.asdict(sent).items() if value is not UNSET]
        note(asked, "a team was changed", team=team.name, team_id=team.id, fields=", ".join(fields))
        return _answer(team)

    async def delete(self, asked: Asked) -> Answer:
        """`DELETE /teams/{team}`."""
        force = asked.parameters(wire.TeamDeletion).force
        with carrying_out(asked):
            team, expected = await self._present(asked)
            await self._issuing.delete_team(team.id, force=force, expected=expected)
        note(asked, "a team was deleted", team=team.name, team_id=team.id, force=force)
        return Answer(status=204)

    async def _change(self, asked: Asked, sent: wire.TeamChange) -> StoredTeam:
        given = msgspec.structs.asdict(sent)
        rules = {field: given[field] for field in _RULES if given[field] is not UNSET}
        tries_left = MOST_TRIES
        while True:
            team, _ = await self._present(asked)
            merged = msgspec.structs.replace(team.rules, **rules) if rules else UNSET
            try:
                change = TeamChange(sent.name, merged)
                return await self._issuing.change_team(team.id, change, expected=team.revision)
            except OvertakenError:
                tries_left -= 1
                if not tries_left:
                    raise

    async def _present(self, asked: Asked) -> tuple[StoredTeam, int | None]:
        """The team that a request is about, and the revision that it is for."""
        team = await self._issuing.team(asked.path["team"])
        return team, expected_revision(asked, team.revision)


def _answer(team: StoredTeam, status: int = 200) -> Answer:
    return Answer(_rendered(team), status, (("etag", entity_tag(team.revision)),))


def _rendered(team: StoredTeam) -> wire.TeamAnswer:
    return wire.TeamAnswer(
        id=team.id,
        name=team.name,
        max_concurrent=team.rules.max_concurrent,
        limits=team.rules.limits,
        budgets=team.rules.budgets,
        created=moment(team.created),
        updated=moment(team.updated),
    )


_EXAMPLE = wire.TeamAnswer(
    id="team_5b1d0c9e7f2a3846",
    name="research",
    max_concurrent=None,
    limits=(),
    budgets=(BudgetSettings(500.0, "month", "Europe/Berlin"),),
    created=moment(1_795_356_000.0),
    updated=moment(1_795_356_000.0),
)
