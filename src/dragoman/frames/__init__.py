"""Bytes to frames and back, without any I/O: server-sent events and progressive JSON arrays."""
