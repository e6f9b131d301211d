"""Ids of answers, made of those that upstreams gave them."""

import re

_VENDOR_PREFIX = re.compile(r"(?:chatcmpl|cmpl|resp|response|gen|req|msg)[-_.]")


def answer_id(upstream: str, fallback: str, prefix: str) -> str:
    """The upstream's id of an answer with the prefix of the client's format in place of the vendor's
    own; `fallback` stands in for one that is missing.
    """
    if upstream.startswith(prefix):
        return upstream
    found = _VENDOR_PREFIX.match(upstream)
    own = upstream[found.end() :] if found else upstream
    own = own or fallback
    return own if own.startswith(prefix) else prefix + own
