"""The data directory: where the gateway keeps what must outlive it."""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

VARIABLE = "DRAGOMAN_HOME"


def data_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory that `DRAGOMAN_HOME` names, else the platform's own place for such data.

    It need not exist yet: whoever writes there creates it.
    """
    chosen = environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_data_path("dragoman", appauthor=False))
