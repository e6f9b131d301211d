"""The known places, from `table.toml`."""

import functools
import importlib.resources
import tomllib
from collections.abc import Mapping

import msgspec

from dragoman.dialects.dialect import Host
from dragoman.models.price import Price

EMBEDDED = "demo"
"""The name of the provider that answers inside this process."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file; its head says what the fields mean."""

    urls: dict[str, str]
    key_variables: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    host: Host = Host()
    embedded: bool = False
    price: Price | None = None
    sold_elsewhere: tuple[str, ...] = ()

    def key(self, environ: Mapping[str, str]) -> str:
        """The key that the environment holds for this place; empty if none."""
        return next((key for name in self.key_variables if (key := environ.get(name))), "")


@functools.cache
def places() -> dict[str, Place]:
    """Every known place by name, in the order of the file."""
    text = importlib.resources.files("dragoman.providers").joinpath("table.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Place])
