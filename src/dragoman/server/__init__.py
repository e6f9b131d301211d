"""The public HTTP surface, as a raw ASGI application."""
