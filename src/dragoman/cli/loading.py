"""The configuration for a command, or a clean end with what is wrong."""

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from dragoman.config.file import load_settings
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError
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
        return settings, build_providers(settings, os.environ)
    except ConfigError as error:
        fail(str(error))


def fail(problem: str) -> NoReturn:
    """Say what is wrong on standard error and end with status 2."""
    click.echo(problem, err=True)
    sys.exit(2)
