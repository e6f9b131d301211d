"""A provider: a place and a credential, and the wire formats that are spoken there."""

import fnmatch
import functools
from collections.abc import Iterator

import msgspec

from dragoman.dialects.dialect import Host

SHORTEST_HEADER = 8
"""Characters below which a header's value is taken for a setting, such as `true` or `v1`."""

Headers = tuple[tuple[str, str], ...]


class Provider(msgspec.Struct, frozen=True, dict=True):
    """One place that answers requests. Its `repr` shows neither the key nor the headers.

    `dialects` names the wire formats spoken there, the preferred one first. `base_url` is where the
    first one's paths begin, without a slash at the end; `base_urls` says it for those that begin
    elsewhere. `api_key` is empty for places without keys; `more_keys` are others that share its work, and
    `max_concurrent` is how many requests one key may have there at once. `model_patterns` are shell-style
    patterns of the bare model names that belong here, `models` the names worth listing. `headers`
    are sent along with every request. An `embedded` provider answers inside this process and has
    no address. `place` is the known place that it is, by its name in `table.toml`, under whatever name of
    its own; empty for others.
    """

    name: str
    dialects: tuple[str, ...]
    base_url: str = ""
    api_key: str = ""
    host: Host = Host()
    model_patterns: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    headers: Headers = ()
    base_urls: dict[str, str] = {}
    embedded: bool = False
    more_keys: tuple[str, ...] = ()
    max_concurrent: int | None = None
    place: str = ""

    @functools.cached_property
    def secrets(self) -> tuple[str, ...]:
        """What is presented there, and nobody else may see."""
        found = [self.api_key, *self.more_keys]
        found += [part for _, value in self.headers for part in _header_parts(value)]
        return tuple(secret for secret in dict.fromkeys(found) if secret)

    @functools.cached_property
    def rendered(self) -> dict[tuple[str, Headers], Headers]:
        """The headers of requests that go there, whoever asks, once they have been put together: by the wire
        format and what the format itself demands.
        """
        return {}

    def keyed(self) -> "list[Provider]":
        """The provider once for each of its keys, each with that key as its own. The others stay among
        `more_keys`: what a provider says must not show them either.
        """
        if not self.more_keys:
            return [self]
        keys = (self.api_key, *self.more_keys)
        return [
            msgspec.structs.replace(self, api_key=key, more_keys=(*keys[:place], *keys[place + 1 :]))
            for place, key in enumerate(keys)
        ]

    def url_of(self, dialect: str) -> str:
        """Where the paths of one of the provider's wire formats begin."""
        return self.base_urls.get(dialect, self.base_url)

    def serves(self, model: str) -> bool:
        """Whether a model name without a provider in front belongs here."""
        return model in self.models or any(
            fnmatch.fnmatchcase(model, pattern) for pattern in self.model_patterns
        )

    def _shown(self) -> str:
        place = "embedded" if self.embedded else self.base_url
        return f"Provider({self.name!r}, {place!r}, dialects={self.dialects!r})"

    __repr__ = _shown


def _header_parts(value: str) -> Iterator[str]:
    """The value, and what follows a scheme such as `Bearer`."""
    for part in (value, value.rpartition(" ")[2]):
        if len(part) >= SHORTEST_HEADER:
            yield part
