"""`GET /metrics` as Prometheus reads it."""

import time

from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import LiveGateway
from tests.live.client import Ask, Client, Reply

PATIENCE = 5.0
"""Seconds until what has happened must be on the page."""


def scrape(gateway: LiveGateway, key: str | None = "", accept: str = "") -> Reply:
    """The page, asked for with the gateway's key, another one, or None."""
    headers = {} if key is None else {"authorization": f"Bearer {key or gateway.key}"}
    if accept:
        headers["accept"] = accept
    return Client("openai_chat", gateway).send(Ask("GET", "/metrics", headers, b""))


class Page:
    """What the page says at one moment."""

    def __init__(self, gateway: LiveGateway) -> None:
        reply = scrape(gateway)
        assert reply.status == 200, reply
        self.text = reply.body.decode()
        self._samples = [
            sample for family in text_string_to_metric_families(self.text) for sample in family.samples
        ]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels; 0 if there is none."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == f"dragoman_{name}" and labels.items() <= sample.labels.items()
        )

    def labels(self, label: str) -> set[str]:
        """All values of a label, whatever the metric."""
        return {sample.labels[label] for sample in self._samples if label in sample.labels}


def wait_for(gateway: LiveGateway, name: str, value: float, **labels: str) -> Page:
    """The page once it says so: an exchange is noted right behind its answer, not before it."""
    until = time.monotonic() + PATIENCE
    while (page := Page(gateway)).value(name, **labels) != value:
        assert time.monotonic() < until, f"{name} {labels} is {page.value(name, **labels)}:\n{page.text}"
        time.sleep(0.01)
    return page
