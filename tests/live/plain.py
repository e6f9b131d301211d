"""Plain HTTP requests to a gateway, for endpoints that are no conversation."""

import contextlib
import http.client
import json

from tests.conftest import LiveGateway
from tests.live.client import PATIENCE, Reply


def ask(
    gateway: LiveGateway,
    path: str,
    body: object = None,
    method: str = "POST",
    /,
    **headers: str | None,
) -> Reply:
    """One request with the gateway's key, as JSON; a header that is None is left out."""
    line = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    sent: dict[str, str | None] = {
        "authorization": f"Bearer {gateway.key}",
        "content-type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    with contextlib.closing(line):
        line.request(
            method,
            path,
            None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            {name: value for name, value in sent.items() if value is not None},
        )
        answer = line.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, told, answer.read())
