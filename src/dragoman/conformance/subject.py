"""The gateway under test: where it is, how it wants to be asked, and what its models are called."""

from collections.abc import Mapping

import msgspec

UPSTREAM_KEY = "sk-conformance-upstream-7305"
"""The key that the gateway is to present upstream."""

VENDOR_MODELS = {
    "openai_chat": "gpt-4o",
    "openai_responses": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "openai_chat.reasoning": "gpt-5",
    "openai_responses.reasoning": "gpt-5",
    "anthropic.reasoning": "claude-sonnet-4-5",
    "gemini.reasoning": "gemini-3-pro-preview",
    "openai_chat.embedding": "text-embedding-3-small",
    "gemini.embedding": "gemini-embedding-001",
}
"""What the gateway's models are to be upstream. The strict vendors keep the rules of just these."""


def default_name(target: str) -> str:
    """The gateway's name of a model: `conformance-openai-chat-reasoning` for `openai_chat.reasoning`."""
    return "conformance-" + target.replace("_", "-").replace(".", "-")


class Subject(msgspec.Struct, frozen=True):
    """A gateway. `base_url` has no slash at the end; `models` and `upstream_headers` are by upstream."""

    base_url: str
    key: str
    headers: Mapping[str, str] = {}
    upstream_headers: Mapping[str, Mapping[str, str]] = {}
    models: Mapping[str, str] = {}
    path_prefix: str = ""

    def model(self, upstream: str, variant: str = "") -> str:
        """What the gateway calls a model behind an upstream."""
        target = f"{upstream}.{variant}" if variant else upstream
        return self.models.get(target) or default_name(target)

    def url(self, path: str) -> str:
        """Where a vendor's path is at the gateway."""
        return self.base_url + self.path_prefix + path
