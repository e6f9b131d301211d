"""The configuration for a command, or a clean end with what is wrong."""

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from dragoman.config.file import load_settings
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError
from dragoman.coordination.valkey_address import parse_valkey_url
from dragoman.providers.environment import build_providers
from dragoman.providers.provider import Provider

DEFAULT = Path("dragoman.toml")


def load(
    config: Path | None, host: str | None = None, port: int | None = None
) -> tuple[Settings, dict[str, Provider]]:
    """The settings and providers of this run. Ends the process with status 2 if they are wrong."""
    path = config or (DEFAULT if DEFAULT.exists() else None)
    try:
        settings = load_settings(path, os.environ, host, port)
        _check_coordination(settings)
        return settings, build_providers(settings, os.environ)
    except ConfigError as error:
        fail(str(error))


def _check_coordination(settings: Settings) -> None:
    if settings.coordination.url is not None:
        try:
            parse_valkey_url(settings.coordination.url)
        except ValueError as error:
            remedy = 'write it as "valkey://host:6379/0"'
            raise settings.source.error(("coordination", "url"), str(error), remedy) from None


def fail(problem: str) -> NoReturn:
    """Say what is wrong on standard error and end with status 2."""
    click.echo(problem, err=True)
    sys.exit(2)
