"""One model of each family that is known, and how its vendor is reached."""

import re
from typing import NamedTuple

from tests.statements.asking import A, C, G, R

from dragoman.models.profile import Family, Profile, families, profile_of


class Known(NamedTuple):
    """A model of a family; `upstreams` are the formats in which its vendor is asked."""

    name: str
    profile: Profile
    upstreams: tuple[str, ...]


def _example(family: Family) -> str:
    """A name that the family's patterns match, and those of no family before it."""
    if family.models:
        return family.models[0]
    return re.sub(r"\[(.)-.\]", r"\1", family.match[0]).replace("*", "x")


def _known() -> list[Known]:
    spoken = {"anthropic": (A,), "google": (G,), "openai": (C, R)}
    found: list[Known] = []
    for family in families():
        name = _example(family)
        assert profile_of(name) == family.profile, (name, family.match)
        found.append(Known(name, family.profile, spoken.get(family.owner, (C,))))
    return found


FAMILIES = _known()
REACHED = [(upstream, known) for known in FAMILIES for upstream in known.upstreams]
