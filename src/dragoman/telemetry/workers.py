"""How the metrics of several worker processes come together: through a folder with files of each.

For the process that starts the workers. It need not load the metrics for that.
"""

import os
from pathlib import Path

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder. Its name is prometheus-client's, which looks when it is imported."""


def share(folder: Path, *, anew: bool = True) -> None:
    """Let processes that are started from now on count together in this folder: from zero on, or on
    top of what others have counted.

    Raises `OSError` for a folder that cannot be made or emptied.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db") if anew else ():
        file.unlink()
    os.environ[SHARED] = str(folder)


def forget(pid: int) -> None:
    """Take a process that has ended out of what is shown as going on; what it has counted stays."""
    folder = os.environ.get(SHARED)
    if folder:
        for file in Path(folder).glob(f"gauge_live*_{pid}.db"):
            file.unlink(missing_ok=True)
