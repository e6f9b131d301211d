"""The stand-in for real vendors: a strict fake provider, and checkers for what is streamed.

Shipped, because applications need it as much as we do: as the embedded model `demo`, and over HTTP
in tests. `provider.py` is where to start reading; `server.py` puts it on a socket.
"""
