"""Client keys: made once, kept as hashes, looked up for every request."""

import contextlib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dragoman.access.holder import Holder
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError

FILE = "client-keys.json"
"""The file in the data directory that holds the hashes of keys that the gateway made itself."""


class KeyInfo(msgspec.Struct, frozen=True):
    """Whose request it is, and what holds for it. `id` is safe to log: the first 12 hex digits of the
    key's hash.
    """

    id: str
    name: str
    tags: tuple[str, ...] = ()
    """Words that conditions of routes can ask for."""
    max_concurrent: int | None = None
    """The most requests of this key that are served at once; None for no limit."""
    priority: int = 0
    """Where requests wait, those of a higher number go first."""
    owner: str = ""
    """Whom it was given to."""
    team_id: str = ""
    team_name: str = ""
    """The team that it belongs to; empty for none."""
    routes: tuple[str, ...] = ()
    """The models that it may use, as shell-style patterns of the names that clients send; without any, all."""
    expires: float | None = None
    """When it ends, in Unix seconds."""
    disabled: bool = False
    holders: tuple[Holder, ...] = ()
    """Itself and its team, as far as they are held to anything."""


class StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the key file: a name, and the SHA-256 of the key in hex digits."""

    name: str
    sha256: str


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key file."""

    keys: tuple[StoredKey, ...]


OPEN = KeyInfo("open", "open")
"""Everybody, where no key is asked for."""


class KeyRing:
    """The keys that open the gateway.

    A presented key is hashed and the hash looked up in a dict: no secret is compared byte by byte,
    so the time taken tells nothing about it, and no key is kept in memory. `created` is the key that
    the first start made, in plain text, for the one time that it is shown; else None.
    """

    def __init__(
        self, hashes: dict[bytes, KeyInfo], is_open: bool = False, created: str | None = None
    ) -> None:
        self._hashes = hashes
        self.is_open = is_open
        self.created = created

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

    def verify(self, presented: str | None) -> KeyInfo | None:
        """Whose key this is; None for a key that opens nothing."""
        if self.is_open:
            return OPEN
        return self._hashes.get(_digest(presented)) if presented else None


def _numbered(keys: Iterable[str]) -> dict[bytes, KeyInfo]:
    digests = [_digest(key) for key in keys]
    return {digest: _info(digest, f"key {number}") for number, digest in enumerate(digests, 1)}


def _named(settings: Settings) -> dict[bytes, KeyInfo]:
    """The keys of `[keys.NAME]`."""
    found: dict[bytes, KeyInfo] = {}
    for name, key in settings.keys.items():
        digest = _digest(key.key.reveal())
        found[digest] = KeyInfo(digest.hex()[:12], name, key.tags, key.max_concurrent, key.priority)
    return found


def new_key() -> str:
    """A fresh key: `sk-` and 43 URL-safe characters, 256 random bits."""
    return "sk-" + secrets.token_urlsafe(32)


def _create(path: Path) -> str | None:
    """Write the hash of a new key where no file is yet. The key, or None if another was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_key()
    content = msgspec.json.encode(KeyFile((StoredKey("first start", _digest(key).hex()),)))
    descriptor, draft = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # a link appears whole or not at all, and never replaces another starter's
        os.link(draft, path)
    except FileExistsError:
        return None
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(draft).unlink()
    return key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _info(digest: bytes, name: str) -> KeyInfo:
    return KeyInfo(digest.hex()[:12], name)
