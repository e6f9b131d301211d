"""The secret that virtual keys are hashed with: who has only the store can neither make a key nor try one."""

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from dragoman.access.private_file import write_once
from dragoman.config.secret import Secret
from dragoman.config.source import ConfigError
from dragoman.store.keys import KeySource

FILE = "key-secret"
"""The file in the data directory that holds the secret, where the configuration does not."""
PREFIX = "sk-dr-"
"""How virtual keys begin."""

_KEY = re.compile(r"sk-dr-[A-Za-z0-9_-]{43}")
_SHORTEST = 32
"""Characters below which the file is damaged."""
_REMEDY = "set [auth] secret to the same value on every gateway that shares this store"


class KeySecret:
    """The secret, as the two things that are done with it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def digest(self, key: str) -> bytes:
        """The keyed hash of a key's text, HMAC-SHA-256: 32 bytes."""
        return hmac.digest(self._secret, key.encode("utf-8", "surrogateescape"), hashlib.sha256)

    @property
    def fingerprint(self) -> str:
        """What tells two secrets apart, and nothing else of them: hexadecimal digits."""
        return self.digest("dragoman: fingerprint of the secret of keys").hex()


def new_virtual_key() -> str:
    """A fresh key: `sk-dr-` and 43 URL-safe characters, 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def may_be_virtual(presented: str) -> bool:
    """Whether a text has the form of a virtual key."""
    return _KEY.fullmatch(presented) is not None


def find_secret(configured: Secret | None, folder: Path) -> KeySecret | None:
    """The secret of the configuration, `[auth] secret`, or of the file in the data directory; None where
    there is neither. Raises `ConfigError` for a file that cannot be used.
    """
    if configured is not None:
        return KeySecret(configured.reveal().encode())
    path = folder / FILE
    try:
        content = path.read_bytes().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from None
    if len(content) < _SHORTEST:
        remedy = "restore it from a backup, or delete it and all virtual keys"
        raise ConfigError(str(path), None, "the secret of keys", "the file is damaged", remedy)
    return KeySecret(content)


def make_secret(configured: Secret | None, folder: Path) -> KeySecret:
    """The same, and where there is none, a new one in a file that only its owner may read. Those who race
    for it agree on one. Raises `ConfigError` for a file or folder that cannot be used.
    """
    found = find_secret(configured, folder)
    if found is not None:
        return found
    path = folder / FILE
    try:
        write_once(path, secrets.token_urlsafe(32).encode() + b"\n")
    except OSError as error:
        raise _unusable(path, error) from None
    found = find_secret(configured, folder)
    if found is None:
        raise ConfigError(str(path), None, "the secret of keys", "the file is gone", "try again")
    return found


async def check_secret(secret: KeySecret, store: KeySource) -> None:
    """See that the keys of the store are hashed with this secret; where there are none yet, they will be.

    Raises `ConfigError` where they are not, and `StoreError`.
    """
    if not await store.agree_on_secret(secret.fingerprint):
        raise wrong_secret("is not the one that the keys of this store are hashed with")


def wrong_secret(problem: str) -> ConfigError:
    """The error of a gateway whose secret is not that of its store."""
    remedy = f"{_REMEDY}, or copy the file {FILE} from the data directory of the one that made the first key"
    return ConfigError("configuration", None, "auth.secret", problem, remedy)


def _unusable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        str(path),
        None,
        "the secret of keys",
        f"cannot be used: {error.strerror}",
        "make the directory writable for this user, or set DRAGOMAN_HOME to another one",
    )
