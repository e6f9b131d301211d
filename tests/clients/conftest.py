"""The tests that run real clients need them installed, which `scripts/test --clients` does."""

import os

INSTALLED = os.environ.get("DRAGOMAN_CLIENTS", "")
"""The folder that the clients are installed in; empty where they are not."""

collect_ignore = [] if INSTALLED else ["test_errands.py"]
