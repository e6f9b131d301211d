"""Work on the store from the command line, whether a gateway runs or not."""

import asyncio
import functools
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from dragoman.access.issuing import Issuing, IssuingError
from dragoman.access.secret import make_secret
from dragoman.cli.loading import fail
from dragoman.config.data_directory import data_directory
from dragoman.config.file import load_settings
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError
from dragoman.server.configuration import Origin
from dragoman.store.error import StoreError
from dragoman.store.opening import SharedDatabase
from dragoman.store.shared_keys import SharedKeys

T = TypeVar("T")


class Keeping:
    """The keys and teams of a gateway's store."""

    def __init__(self, settings: Settings, database: SharedDatabase, issuing: Issuing) -> None:
        self.settings = settings
        self.database = database
        self.issuing = issuing


def keep(config: Path | None, work: Callable[[Keeping], Awaitable[T]]) -> T:
    """What comes of `work` on the store of a configuration. An error ends the process with status 2."""
    try:
        return asyncio.run(_kept(config, work))
    except (ConfigError, IssuingError, StoreError) as error:
        fail(str(error))


async def _kept(config: Path | None, work: Callable[[Keeping], Awaitable[T]]) -> T:
    settings = load_settings(Origin(config).path, os.environ)
    folder = data_directory()
    database = SharedDatabase(settings.store.url, folder)
    secret = functools.partial(make_secret, settings.auth.secret, folder)
    try:
        return await work(Keeping(settings, database, Issuing(SharedKeys(database), secret, time.time)))
    finally:
        await database.close()
