"""`dragoman check`: read the configuration, and show where each route leads."""

from collections.abc import Iterator
from pathlib import Path

import click

from dragoman.cli.loading import load
from dragoman.cli.route_words import describe_route
from dragoman.config.settings import KeySettings
from dragoman.providers.price_list import build_prices
from dragoman.providers.provider import Provider
from dragoman.server.service import build_router


def run(config: Path | None) -> None:
    """Print the keys, the providers and what each route does. Ends with status 2 on a wrong file."""
    settings, providers = load(config)
    router = build_router(settings, providers, build_prices(settings, providers))
    for name, key in settings.keys.items():
        click.echo(f"key {name}: {'; '.join(_key_rules(key)) or 'no rules of its own'}")
    for name, provider in sorted(providers.items()):
        click.echo(f"provider {name}: {_provider(provider)}")
    for name in settings.routes:
        for line in describe_route(router.resolve(name), settings):
            click.echo(line)
    click.echo("The configuration is fine.")


def _key_rules(key: KeySettings) -> Iterator[str]:
    if key.tags:
        yield f"tags {', '.join(key.tags)}"
    if key.max_concurrent is not None:
        yield f"at most {key.max_concurrent} requests at once"
    if key.priority:
        yield f"priority {key.priority}"


def _provider(provider: Provider) -> str:
    place = "in this process" if provider.embedded else provider.url_of(provider.dialects[0])
    keys = len(provider.keyed())
    key = f"{keys} keys" if keys > 1 else "with a key" if provider.api_key else "no key"
    most = provider.max_concurrent
    limit = "" if most is None else f", at most {most} requests at once{' with each key' if keys > 1 else ''}"
    return f"{', '.join(provider.dialects)} at {place}, {key}{limit}"
