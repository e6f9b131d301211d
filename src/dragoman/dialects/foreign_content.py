"""What only another vendor can read or run: refused with the place where it stands.

Without it the model would answer something else than it was asked, or only pretend.
"""

from dragoman.conversation.blocks import Stored, Unknown
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.request import ServerTool


def foreign_tool(tool: ServerTool, path: str) -> FailureError:
    """The error for a tool that its vendor runs itself."""
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
