"""What limits and budgets refuse is counted by whose they are, on a live gateway."""

from pathlib import Path

import requests
from tests.conftest import serving

CONFIG = """
[server]
port = 0
[log]
level = "error"
[metrics]
open = true
[auth]
admin_key = "an-admin-key-of-this-test"
[keys.few]
key = "sk-few"
limits = [{ requests = 1, per = "day" }]
[keys.short]
key = "sk-short"
limits = [{ tokens = 10, per = "day" }]
[keys.poor]
key = "sk-poor"
team = "poor"
[teams.poor]
budgets = [{ amount = 0.000001, per = "day" }]
[providers.demo]
[routes.chat]
targets = ["demo/demo"]
"""


def test_what_limits_and_budgets_refuse_is_counted_by_whose_they_are(tmp_path: Path) -> None:
    with serving(CONFIG, tmp_path) as gateway:
        for key in ("sk-few", "sk-few", "sk-short", "sk-poor", "sk-poor"):
            requests.post(
                f"{gateway.url}/v1/chat/completions",
                headers={"Authorization": f"Bearer {key}"},
                json={"model": "chat", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]},
                timeout=20,
            )
        page = requests.get(f"{gateway.url}/metrics", timeout=20).text
    found = {line for line in page.splitlines() if line.startswith("dragoman_limited_requests_total")}
    assert found == {
        'dragoman_limited_requests_total{holder="key",limit="requests",route="chat"} 1.0',
        'dragoman_limited_requests_total{holder="key",limit="tokens",route="chat"} 1.0',
        'dragoman_limited_requests_total{holder="team",limit="budget",route="chat"} 2.0',
    }
    assert "dragoman_store_usable 1.0" in page
