"""The neutral conversation: what every wire format is parsed into and rendered from.

Frozen data and pure functions. Nothing here knows a wire format, a socket or a clock, and nothing
of ours is imported. A concept is a field here when at least two wire formats have it; everything
else rides along as `Opaque` and goes back only to the format it came from.
"""
