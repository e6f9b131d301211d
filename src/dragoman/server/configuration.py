"""What a gateway runs with, as it is read at the start and again while it runs, and what is different."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dragoman.access.keys import FILE, KeyRing
from dragoman.config.file import load_settings
from dragoman.config.secret import Secret
from dragoman.config.settings import Settings
from dragoman.coordination.valkey_address import parse_valkey_url
from dragoman.providers.environment import build_providers
from dragoman.providers.provider import Provider
from dragoman.telemetry.redaction import Redactor

DEFAULT = Path("dragoman.toml")
"""The configuration file, where it exists and no other is named."""

_FIXED = frozenset(
    {
        *("server.host", "server.port", "server.workers", "auth.secret"),
        *("media", "memory", "coordination", "store", "log"),
    }
)
"""What a running gateway does not take over."""
_NAMED = ("routes", "providers", "keys", "teams", "models", "prices")
"""Tables whose members have names of the user's."""


class Origin(msgspec.Struct, frozen=True):
    """Where a configuration comes from: the file that was named and what the command line says besides."""

    file: Path | None = None
    host: str | None = None
    port: int | None = None
    workers: int | None = None

    @property
    def path(self) -> Path | None:
        """The file to read, if there is one."""
        return self.file or (DEFAULT if DEFAULT.exists() else None)


class Configuration(msgspec.Struct, frozen=True):
    """All that a gateway is told from outside."""

    settings: Settings
    providers: dict[str, Provider]
    keys: KeyRing


class Difference(msgspec.Struct, frozen=True):
    """What another configuration changes, by names only: none of it is secret."""

    changes: dict[str, str]
    """By section, as `+added -removed ~changed`; under `settings` the names of other sections and fields."""
    fixed: tuple[str, ...]
    """Fields that would be changed by a restart only."""


def read_settings(origin: Origin) -> tuple[Settings, dict[str, Provider]]:
    """The settings and providers. Raises `ConfigError` for the first thing that has to be changed."""
    settings = load_settings(origin.path, os.environ, origin.host, origin.port)
    if origin.workers is not None:
        server = msgspec.structs.replace(settings.server, workers=origin.workers)
        settings = msgspec.structs.replace(settings, server=server)
    _check_coordination(settings)
    return settings, build_providers(settings, os.environ)


def read_again(origin: Origin, folder: Path) -> Configuration:
    """The configuration of a gateway that runs, with the data directory `folder`. Raises `ConfigError`,
    also where a start would make a key, which nobody would see now.
    """
    settings, providers = read_settings(origin)
    asks = not (settings.auth.open or settings.auth.keys or settings.keys)
    if asks and not (folder / FILE).exists():
        raise settings.source.error(
            ("auth", "keys"), "there is no key for clients any more", "name one, or restart to have one made"
        )
    return Configuration(settings, providers, KeyRing.from_settings(settings, folder))


def _check_coordination(settings: Settings) -> None:
    if settings.coordination.url is not None:
        try:
            parse_valkey_url(settings.coordination.url)
        except ValueError as error:
            remedy = 'write it as "valkey://host:6379/0"'
            raise settings.source.error(("coordination", "url"), str(error), remedy) from None


class Surroundings(msgspec.Struct, frozen=True):
    """What a service has besides its configuration."""

    origin: Origin
    """Where the configuration comes from."""
    folder: Path
    """Where the service may keep files."""
    redactor: Redactor
    """What keeps secrets out of the log."""

    def read(self) -> Configuration:
        """The configuration as it is now. Raises `ConfigError`."""
        return read_again(self.origin, self.folder)


def difference(running: Settings, old: Configuration, new: Configuration) -> Difference:
    """What `new` changes, compared with `old`, in a gateway that was started with the settings `running`."""
    before, after = _plain(old), _plain(new)
    changes = {name: words for name in _NAMED if (words := _compared(before[name], after[name]))}
    other = [name for name in _changed_fields(before, after) if not _is_fixed(name)]
    if other:
        changes["settings"] = " ".join(other)
    started = _plain(msgspec.structs.replace(old, settings=running))
    return Difference(changes, tuple(name for name in _changed_fields(started, after) if _is_fixed(name)))


def _plain(configuration: Configuration) -> dict[str, Mapping[str, object]]:
    """Tables of plain values, secrets as text: for comparison, and for nothing else."""
    tables: dict[str, Mapping[str, object]] = msgspec.to_builtins(configuration.settings, enc_hook=_revealed)
    del tables["source"]
    # with the keys that come from the environment, of which the settings do not tell
    tables["providers"] = configuration.providers
    return tables


def _revealed(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else repr(value)


def _compared(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    words = [f"+{name}" for name in new if name not in old]
    words += [f"-{name}" for name in old if name not in new]
    words += [f"~{name}" for name in new if name in old and old[name] != new[name]]
    return " ".join(words)


def _changed_fields(
    old: Mapping[str, Mapping[str, object]], new: Mapping[str, Mapping[str, object]]
) -> list[str]:
    return [
        f"{section}.{name}"
        for section, fields in new.items()
        if section not in _NAMED
        for name, value in fields.items()
        if old[section][name] != value
    ]


def _is_fixed(name: str) -> bool:
    return name in _FIXED or name.partition(".")[0] in _FIXED
