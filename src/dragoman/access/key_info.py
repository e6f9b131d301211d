"""What is known of a key once it is recognised."""

import fnmatch
import functools
import re

import msgspec

from dragoman.access.holder import Holder, build_budgets, build_limits
from dragoman.config.allowance import KeyRules, TeamSettings
from dragoman.store.keys import StoredKey, StoredTeam


class KeyInfo(msgspec.Struct, frozen=True):
    """Whose request it is, and what holds for it. `id` is safe to log: that of the store, or the first 12 hex
    digits of the hash of a key of the configuration.
    """

    id: str
    name: str
    tags: tuple[str, ...] = ()
    """Words that conditions of routes can ask for."""
    priority: int = 0
    """Where requests wait, those of a higher number go first."""
    owner: str = ""
    """Whom it was given to."""
    team_id: str = ""
    team_name: str = ""
    """The team that it belongs to; empty for none."""
    routes: tuple[str, ...] = ()
    """The models that it may use, as shell-style patterns of the names that clients send; without any,
    all."""
    expires: float | None = None
    """When it ends, in Unix seconds."""
    disabled: bool = False
    virtual: bool = False
    """Whether it is a key of the store, and not one of the configuration."""
    holders: tuple[Holder, ...] = ()
    """Itself and its team, as far as they are held to anything."""

    def may_use(self, model: str) -> bool:
        """Whether it may use a model, by the name that the client sends. A `*` stands for slashes too."""
        return not self.routes or _matcher(self.routes).match(model) is not None


@functools.lru_cache(maxsize=4096)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """What one of the patterns matches: many keys have the same ones."""
    return re.compile("|".join(map(fnmatch.translate, patterns)))


def configured_key(id: str, name: str, rules: KeyRules, team: Holder | None) -> KeyInfo:  # noqa: A002 - as its field
    """A key of the configuration file."""
    return _info(KeyInfo(id, name), rules, team)


def configured_team(name: str, rules: TeamSettings) -> Holder:
    """A team of the configuration file. Its id is that of no team of the store."""
    return _team(f"config:{name}", name, rules)


def stored_key(key: StoredKey, team: Holder | None) -> KeyInfo:
    """A key of the store."""
    bare = KeyInfo(
        key.id, key.name, owner=key.owner, expires=key.expires, disabled=key.disabled, virtual=True
    )
    return _info(bare, key.rules, team)


def stored_team(team: StoredTeam) -> Holder:
    """A team of the store."""
    return _team(team.id, team.name, team.rules)


def in_team(key: KeyInfo, team: Holder | None) -> KeyInfo:
    """The same key with this team, or with none."""
    own = tuple(holder for holder in key.holders if holder.kind == "key")
    held = () if team is None or team.free else (team,)
    return msgspec.structs.replace(
        key,
        team_id="" if team is None else team.id,
        team_name="" if team is None else team.name,
        holders=(*own, *held),
    )


def _info(key: KeyInfo, rules: KeyRules, team: Holder | None) -> KeyInfo:
    own = Holder(
        "key",
        key.id,
        key.name,
        build_limits(rules.limits),
        build_budgets(rules.budgets),
        rules.max_concurrent,
    )
    known = msgspec.structs.replace(
        key,
        tags=rules.tags,
        priority=rules.priority,
        routes=rules.routes,
        holders=() if own.free else (own,),
    )
    return known if team is None else in_team(known, team)


def _team(id: str, name: str, rules: TeamSettings) -> Holder:  # noqa: A002 - as its field
    return Holder(
        "team", id, name, build_limits(rules.limits), build_budgets(rules.budgets), rules.max_concurrent
    )
