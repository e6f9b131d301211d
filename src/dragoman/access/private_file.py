"""Small files of the data directory that are written once, and that only their owner may read."""

import contextlib
import os
import tempfile
from pathlib import Path


def write_once(path: Path, content: bytes) -> bool:
    """Write a file where none is yet; False if another starter was faster. The folder is made if need be.

    The file appears whole or not at all, and never in place of another one's. Raises `OSError`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(draft).unlink()
    return True
