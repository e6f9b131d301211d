"""`dragoman serve`: start the gateway and say in a few lines what was found."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from dragoman import __version__
from dragoman.access.keys import FILE, KeyRing
from dragoman.cli.loading import fail, load
from dragoman.config.data_directory import data_directory
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError
from dragoman.models.overrides import build_profiles
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.server.service import build, http_server, listen
from dragoman.telemetry.log import configure_logging


def run(config: Path | None, host: str | None, port: int | None) -> None:
    """Load, say what was found, and serve until told to stop."""
    settings, providers = load(config, host, port)
    try:
        listener = listen(settings.server.host, settings.server.port)
    except OSError as error:
        address = f"{settings.server.host}:{settings.server.port}"
        number = error.errno or 0  # below 0 where the name could not be looked up
        reason = os.strerror(number) if number > 0 else error.strerror
        fail(f"Cannot listen on {address}: {reason}. Try another --port; 0 takes a free one.")
    # only now: a new key is shown once, and must not be made by a start that fails
    directory = data_directory()
    try:
        keys = KeyRing.from_settings(settings, directory)
    except ConfigError as error:
        fail(str(error))
    secrets = [provider.api_key for provider in providers.values() if provider.api_key]
    secrets += [value for provider in providers.values() for _, value in provider.headers]
    secrets += [key.reveal() for key in settings.auth.keys]
    if keys.created:
        secrets.append(keys.created)
    configure_logging(settings.log, secrets)

    for line in found(settings, providers, keys, directory, listener.getsockname()[1]):
        click.echo(line)
    for number in (signal.SIGINT, signal.SIGTERM):
        # the server ends in order at both, then sends them once more to whoever was there before it
        signal.signal(number, _leave)
    http_server(build(settings, providers, keys, directory)).run(sockets=[listener])


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def found(
    settings: Settings, providers: dict[str, Provider], keys: KeyRing, directory: Path, port: int
) -> list[str]:
    """The start-up lines: version and address, providers, routes, keys."""
    host = settings.server.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    lines = [
        f"dragoman {__version__} on {url}",
        f"providers: {', '.join(sorted(providers))}",
        f"routes: {', '.join(settings.routes) or 'none; use provider/model or a bare model name'}",
    ]
    if keys.is_open:
        lines.append("keys: none asked for (auth.open)")
    elif keys.created:
        cards = Router(providers, settings.routes, build_profiles(settings)).cards()
        model = cards[0].id if cards else "MODEL"
        body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Good evening"}}]}}'
        lines += [
            f"new key, shown only now: {keys.created}",
            (
                f"curl {url}/v1/chat/completions -H 'Authorization: Bearer {keys.created}' "
                f"-H 'Content-Type: application/json' -d '{body}'"
            ),
        ]
    elif settings.auth.keys:
        lines.append(f"keys: {len(settings.auth.keys)} from the configuration")
    else:
        lines.append(f"keys: as in {directory / FILE} (delete that file for a new one)")
    return lines
