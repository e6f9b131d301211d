"""`dragoman check`: read the configuration, and show where each route leads."""

from pathlib import Path

import click

from dragoman.cli.loading import load
from dragoman.models.overrides import build_profiles
from dragoman.routing.router import Router


def run(config: Path | None) -> None:
    """Print the providers and what each route resolves to. Ends with status 2 on a wrong file."""
    settings, providers = load(config)
    router = Router(providers, settings.routes, build_profiles(settings))
    for name, provider in sorted(providers.items()):
        place = "in this process" if provider.embedded else provider.url_of(provider.dialects[0])
        key = "with a key" if provider.api_key else "no key"
        click.echo(f"provider {name}: {', '.join(provider.dialects)} at {place}, {key}")
    for name in settings.routes:
        targets = router.resolve(name).targets
        click.echo(f"route {name}: " + ", then ".join(f"{t.provider.name}/{t.target.model}" for t in targets))
    click.echo("The configuration is fine.")
