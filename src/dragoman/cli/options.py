"""Options that several commands have."""

from pathlib import Path

import click

CONFIG = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="DRAGOMAN_CONFIG",
    help="Configuration file (TOML). Default: ./dragoman.toml where it exists, else none is needed.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
