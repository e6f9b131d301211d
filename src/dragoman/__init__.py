"""Dragoman: a self-hosted LLM gateway between the OpenAI, Anthropic and Google wire formats."""

__version__ = "0.1.0"
