"""What only another vendor can read or run: refused with the place where it stands.

Without it the model would answer something else than it was asked, or only pretend. Only what finds
further tools for a model can be done without.
"""

from dragoman.conversation.blocks import Stored, Unknown
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss, dropped
from dragoman.conversation.request import ServerTool

_FINDS_TOOLS = "tool_search"
"""How the tools begin that find other tools: Anthropic's, and OpenAI's, which Codex has in every request."""


def leave_out(tool: ServerTool, path: str, losses: list[Loss]) -> None:
    """Do without another vendor's own tool, which only those can that find further tools: the model is
    told of every tool that the request declares. Raises `FailureError` (invalid request) for all others.
    """
    if not tool.kind.startswith(_FINDS_TOOLS):
        raise _foreign_tool(tool, path)
    losses.append(dropped(f"$.{path}", "tool_search", "tools that the request does not declare stay unknown"))


def _foreign_tool(tool: ServerTool, path: str) -> FailureError:
    return invalid(
        f"'{path}': the tool `{tool.kind}` is run by {tool.dialect} itself and cannot be used with this "
        "model. Remove it, or choose a model of that vendor.",
        path,
        "server_tool_not_portable",
    )


def foreign_file(source: Stored, path: str) -> FailureError:
    """The error for a file that a vendor keeps."""
    return invalid(
        f"'{path}': the file is stored at {source.dialect}, and its id means nothing to this model's vendor. "
        "Send its content inline as base64.",
        path,
        "file_id_not_portable",
    )


def foreign_block(block: Unknown, path: str) -> FailureError:
    """The error for content of a kind that only one vendor has."""
    return invalid(
        f"'{path}': `{block.kind}` content is known only to {block.dialect} and cannot be sent to this "
        "model.",
        path,
        "content_not_portable",
    )
