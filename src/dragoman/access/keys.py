"""Client keys: made once, kept as hashes, looked up for every request."""

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dragoman.access.directory import KeyDirectory
from dragoman.access.key_info import KeyInfo, configured_key, configured_team
from dragoman.access.private_file import write_once
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError

FILE = "client-keys.json"
"""The file in the data directory that holds the hashes of keys that the gateway made itself."""


class FileKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the key file: a name, and the SHA-256 of the key in hex digits."""

    name: str
    sha256: str


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key file."""

    keys: tuple[FileKey, ...]


OPEN = KeyInfo("open", "open")
"""Everybody, where no key is asked for."""


class KeyRing:
    """The keys that open the gateway.

    A presented key is hashed and the hash looked up in a dict: no secret is compared byte by byte,
    so the time taken tells nothing about it, and no key is kept in memory. `created` is the key that
    the first start made, in plain text, for the one time that it is shown; else None.

    With a directory, the virtual keys of the store open as well.
    """

    def __init__(
        self,
        hashes: dict[bytes, KeyInfo],
        is_open: bool = False,
        created: str | None = None,
        directory: KeyDirectory | None = None,
    ) -> None:
        self._hashes = hashes
        self._directory = directory
        self.is_open = is_open
        self.created = created

    @property
    def configured(self) -> tuple[KeyInfo, ...]:
        """The keys that are not those of the store."""
        return tuple(self._hashes.values())

    @classmethod
    def from_settings(cls, settings: Settings, directory: Path) -> "KeyRing":
        """The configured keys; without any, the key of the first start, which is made if need be.

        Only the hash of a made key is written, to a file in `directory` that only its owner may
        read. Starters that race agree on one key, and only the one that made it knows it. Raises
        `ConfigError` for a directory or file that cannot be used.
        """
        if settings.auth.open:
            return cls({}, is_open=True)
        if settings.auth.keys or settings.keys:
            listed = _numbered(key.reveal() for key in settings.auth.keys)
            return cls({**listed, **_named(settings)})
        path = directory / FILE
        created = None
        try:
            if not path.exists():
                created = _create(path)
            stored = msgspec.json.decode(path.read_bytes(), type=KeyFile)
            hashes = {
                bytes.fromhex(key.sha256): _info(bytes.fromhex(key.sha256), key.name) for key in stored.keys
            }
        except OSError as error:
            raise ConfigError(
                str(path),
                None,
                "client keys",
                f"cannot be used: {error.strerror}",
                "make the directory writable for this user, or set DRAGOMAN_HOME to another one",
            ) from None
        except (msgspec.DecodeError, ValueError):
            raise ConfigError(
                str(path),
                None,
                "client keys",
                "the file is damaged",
                "delete it, and the next start makes a new key",
            ) from None
        return cls(hashes, created=created)

    @classmethod
    def of(cls, keys: Iterable[str]) -> "KeyRing":
        """A ring of these keys, named by their order from 1."""
        return cls(_numbered(keys))

    def with_directory(self, directory: KeyDirectory) -> "KeyRing":
        """The same ring, which knows the virtual keys too."""
        return KeyRing(self._hashes, self.is_open, self.created, directory)

    def verify(self, presented: str | None) -> KeyInfo | None:
        """Whose key this is, as far as this process knows; None for a key that opens nothing. A virtual key
        that is disabled or has expired is known all the same: whoever asks has to look.
        """
        if self.is_open:
            return OPEN
        if not presented:
            return None
        found = self._hashes.get(_digest(presented))
        if found is None and self._directory is not None:
            return self._directory.find(presented)
        return found

    async def seek(self, presented: str | None) -> KeyInfo | None:
        """The same, after a look into the store for what this process does not know yet. Raises `StoreError`
        where the store cannot be asked whether the key is one of its.
        """
        found = self.verify(presented)
        if found is None and presented and self._directory is not None:
            return await self._directory.seek(presented)
        return found


def _numbered(keys: Iterable[str]) -> dict[bytes, KeyInfo]:
    digests = [_digest(key) for key in keys]
    return {digest: _info(digest, f"key {number}") for number, digest in enumerate(digests, 1)}


def _named(settings: Settings) -> dict[bytes, KeyInfo]:
    """The keys of `[keys.NAME]`."""
    teams = {name: configured_team(name, rules) for name, rules in settings.teams.items()}
    found: dict[bytes, KeyInfo] = {}
    for name, key in settings.keys.items():
        digest = _digest(key.key.reveal())
        found[digest] = configured_key(digest.hex()[:12], name, key, teams.get(key.team or ""))
    return found


def new_key() -> str:
    """A fresh key: `sk-` and 43 URL-safe characters, 256 random bits."""
    return "sk-" + secrets.token_urlsafe(32)


def _create(path: Path) -> str | None:
    """Write the hash of a new key where no file is yet. The key, or None if another was faster."""
    key = new_key()
    content = msgspec.json.encode(KeyFile((FileKey("first start", _digest(key).hex()),)))
    return key if write_once(path, content) else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _info(digest: bytes, name: str) -> KeyInfo:
    return KeyInfo(digest.hex()[:12], name)
