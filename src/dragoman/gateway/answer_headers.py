"""The headers of an answer that come from us, not from a wire format."""

from dragoman.conversation.loss import Loss
from dragoman.upstream.transport import UpstreamResponse


def answer_headers(
    request_id: str, media_type: str, upstream: UpstreamResponse, losses: tuple[Loss, ...]
) -> list[tuple[str, str]]:
    """Our id of the request in both vendors' spellings, the upstream's id, and what was lost."""
    headers = [("content-type", media_type), ("x-request-id", request_id), ("request-id", request_id)]
    theirs = upstream.headers.get("x-request-id") or upstream.headers.get("request-id")
    if theirs:
        headers.append(("x-dragoman-upstream-request-id", theirs))
    if losses:
        headers.append(("x-dragoman-losses", render_losses(losses)))
    return headers


def render_losses(losses: tuple[Loss, ...]) -> str:
    """The losses as a list of items with parameters (RFC 8941): `code;kind=dropped;path="$.top_k"`."""
    return ", ".join(f'{loss.code};kind={loss.kind};path="{_quoted(loss.path)}"' for loss in losses)


def _quoted(text: str) -> str:
    visible = "".join(char if " " <= char <= "~" else "?" for char in text)
    return visible.replace("\\", "\\\\").replace('"', '\\"')
