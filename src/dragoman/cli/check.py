"""`dragoman check`: read the configuration, and show where each route leads."""

from pathlib import Path

import click

from dragoman.cli.backing_words import virtual_keys_in_words
from dragoman.cli.key_words import rules_in_words
from dragoman.cli.loading import fail, load
from dragoman.cli.route_words import describe_route
from dragoman.config.data_directory import data_directory
from dragoman.config.settings import Settings
from dragoman.providers.price_list import build_prices
from dragoman.providers.provider import Provider
from dragoman.server.service import build_router
from dragoman.store.error import StoreError
from dragoman.store.opening import FILE, open_database


def run(config: Path | None) -> None:
    """Print the store, teams, keys, providers and routes. Ends with status 2 on a wrong file."""
    settings, providers = load(config)
    router = build_router(settings, providers, build_prices(settings, providers))
    for name, team in settings.teams.items():
        members = [key for key, one in settings.keys.items() if one.team == name]
        rules = [*rules_in_words(team), f"keys {', '.join(members)}" if members else "no keys in this file"]
        click.echo(f"team {name}: {'; '.join(rules)}")
    for name, key in settings.keys.items():
        rules = [*([f"team {key.team}"] if key.team else []), *rules_in_words(key)]
        click.echo(f"key {name}: {'; '.join(rules) or 'no rules of its own'}")
    for name, provider in sorted(providers.items()):
        click.echo(f"provider {name}: {_provider(provider)}")
    for name in settings.routes:
        for line in describe_route(router.resolve(name), settings):
            click.echo(line)
    directory = data_directory()
    try:
        click.echo(f"store: {_store(settings, directory)}")
    except StoreError as error:
        fail(f"store.url: {error}")
    if settings.coordination.url is not None:
        click.echo("coordination: Valkey or Redis (coordination.url), for limits")
    click.echo(f"virtual keys: {virtual_keys_in_words(settings, directory)}")
    closed = "closed; auth.admin_key opens it"
    click.echo(f"management API: {closed if settings.auth.admin_key is None else '/dragoman/api/'}")
    click.echo("The configuration is fine.")


def _store(settings: Settings, directory: Path) -> str:
    if settings.store.url is not None:
        return open_database(settings.store.url, directory).place
    file = directory / FILE
    return f"{file}{'' if file.exists() else ', made at the first use'}"


def _provider(provider: Provider) -> str:
    place = "in this process" if provider.embedded else f"at {provider.url_of(provider.dialects[0])}"
    keys = len(provider.keyed())
    key = f"{keys} keys" if keys > 1 else "with a key" if provider.api_key else "no key"
    most = provider.max_concurrent
    limit = "" if most is None else f", at most {most} requests at once{' with each key' if keys > 1 else ''}"
    return f"{', '.join(provider.dialects)} {place}, {key}{limit}"
