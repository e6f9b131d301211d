"""The server ends in order: nobody new, answers to those who wait, an end also for those who do not read."""

import contextlib
import logging
import socket
import time

import pytest
from tests.server.toy import hear, request, rest, serving, settled


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
