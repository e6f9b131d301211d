"""The configuration for a command, or a clean end with what is wrong."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError
from dragoman.providers.provider import Provider
from dragoman.server.configuration import Origin, read_settings


def load(config: Path | None) -> tuple[Settings, dict[str, Provider]]:
    """The settings and providers of a file. Ends the process with status 2 if they are wrong."""
    return load_from(Origin(config))


def load_from(origin: Origin) -> tuple[Settings, dict[str, Provider]]:
    """The same with what the command line says besides."""
    try:
        return read_settings(origin)
    except ConfigError as error:
        fail(str(error))


def fail(problem: str) -> NoReturn:
    """Say what is wrong on standard error and end with status 2."""
    click.echo(problem, err=True)
    sys.exit(2)
