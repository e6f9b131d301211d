"""What cannot be meant about who may use the gateway: keys, teams, the management API."""

import re

from dragoman.config.allowance_checks import check_rules
from dragoman.config.secret import Secret
from dragoman.config.settings import Settings
from dragoman.config.source import KeyPath, Source, dotted
from dragoman.config.validation import suggestion

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_SHORTEST_ADMIN_KEY = 16
_SHORTEST_SECRET = 32


def check_access(settings: Settings) -> None:
    """Raise `ConfigError` for the first setting of keys and teams that cannot be meant so."""
    auth, source = settings.auth, settings.source
    listed: list[tuple[KeyPath, Secret]] = [
        *((("auth", "keys", index), key) for index, key in enumerate(auth.keys)),
        *((("keys", name, "key"), key.key) for name, key in settings.keys.items()),
    ]
    for kind, names in (("key", settings.keys), ("team", settings.teams)):
        for name in names:
            _check_name((f"{kind}s", name), kind, name, source)
    check_keys(listed, source)
    _check_long_secret(("auth", "admin_key"), auth.admin_key, _SHORTEST_ADMIN_KEY, source)
    _check_long_secret(("auth", "secret"), auth.secret, _SHORTEST_SECRET, source)
    for field, secret in (("secret", auth.secret), ("admin_key", auth.admin_key)):
        others = listed if field == "secret" else [*listed, (("auth", "secret"), auth.secret)]
        for path, other in others:
            if secret is not None and other is not None and secret.reveal() == other.reveal():
                remedy = "write another one: each of them is for one purpose"
                raise source.error(("auth", field), f"this is the same as {dotted(path)}", remedy)
    for name, key in settings.keys.items():
        path: KeyPath = ("keys", name)
        check_rules(key, path, source.error)
        if key.team is not None and key.team not in settings.teams:
            known = (
                suggestion(key.team, settings.teams) if settings.teams else f"write [teams.{key.team}] too"
            )
            raise source.error((*path, "team"), "there is no such team", known)
    for name, team in settings.teams.items():
        check_rules(team, ("teams", name), source.error)


def check_keys(keys: list[tuple[KeyPath, Secret]], source: Source) -> None:
    """Check keys that stand at different places, and that no two are the same."""
    seen: dict[str, KeyPath] = {}
    for path, key in keys:
        check_key(path, key, source)
        if (first := seen.setdefault(key.reveal(), path)) != path:
            again = "listed twice" if path[:-1] == first[:-1] else f"the same as {dotted(first)}"
            raise source.error(path, f"this key is {again}", "remove one of the two")


def check_key(path: KeyPath, key: Secret, source: Source) -> None:
    """Check that HTTP can carry a key."""
    text = key.reveal()
    if not text:
        raise source.error(path, "the key is empty", 'write a key, or "$NAME" for an environment variable')
    if not _VISIBLE.fullmatch(text):
        raise source.error(
            path,
            "the key has a space or a character that HTTP cannot carry",
            "write only letters, digits and punctuation of ASCII",
        )


def _check_name(path: KeyPath, kind: str, name: str, source: Source) -> None:
    if not _NAME.fullmatch(name):
        raise source.error(
            path,
            f"this cannot be the name of a {kind}",
            "use letters, digits, dots, underscores, hyphens and @",
        )


def _check_long_secret(path: KeyPath, secret: Secret | None, least: int, source: Source) -> None:
    """Check what must not be found by trying."""
    if secret is None:
        return
    check_key(path, secret, source)
    if len(secret.reveal()) < least:
        raise source.error(
            path,
            f"this is shorter than {least} characters, and could be guessed",
            "write a long random one, such as what 'openssl rand -hex 32' prints",
        )
