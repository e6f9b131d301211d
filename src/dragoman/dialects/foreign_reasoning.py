"""Reasoning, and proofs of it, that the target's vendor did not issue: left out and reported, alike by
every format. Nothing else can be done with it, so that it is no reason to refuse a request.
"""

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.loss import dropped

CODE = "foreign_reasoning"

FOREIGN_REASONING = dropped(
    "$.messages", CODE, "reasoning and signatures that this model's vendor did not issue are left out"
)


def is_foreign_reasoning(block: Block, dialect: str, origin: str) -> bool:
    """Whether a block is reasoning that the vendor at `origin` cannot read, or carries a proof of some."""
    if isinstance(block, Thinking) and block.signature is None:
        return bool(block.text)
    if isinstance(block, Thinking | Text | ToolCall) and block.signature is not None:
        return not block.signature.readable_at(dialect, origin)
    return False
