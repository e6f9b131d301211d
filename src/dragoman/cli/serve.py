"""`dragoman serve`: start the gateway and say in a few lines what was found."""

from pathlib import Path

import click

from dragoman import __version__
from dragoman.access.keys import FILE, KeyRing
from dragoman.cli.loading import fail, load
from dragoman.config.data_directory import data_directory
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.server.service import build, http_server, listen
from dragoman.telemetry.log import configure_logging


def run(config: Path | None, host: str | None, port: int | None) -> None:
    """Load, say what was found, and serve until told to stop."""
    settings, providers = load(config, host, port)
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

    try:
        listener = listen(settings.server.host, settings.server.port)
    except OSError as error:
        address = f"{settings.server.host}:{settings.server.port}"
        fail(f"Cannot listen on {address}: {error.strerror}. Try another --port; 0 takes a free one.")
    for line in found(settings, providers, keys, directory, listener.getsockname()[1]):
        click.echo(line)
    http_server(build(settings, providers, keys)).run(sockets=[listener])


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
        cards = Router(providers, {name: route.targets for name, route in settings.routes.items()}).cards()
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
