"""What goes wrong on the way to an upstream, in the same words whichever transport says it.

`where` is always `host:port`. Nothing else of a URL, and no header, gets into a message: keys stand
there.
"""

from dragoman.conversation.failure import Failure, FailureError, FailureKind


class UnreachableError(FailureError):
    """There is no connection; `secure` tells whether it is TLS that failed."""

    def __init__(self, message: str, *, secure: bool) -> None:
        super().__init__(Failure(FailureKind.BAD_GATEWAY, message))
        self.secure = secure


class UndecodableError(FailureError):
    """The body cannot be unpacked, for this `reason`."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(Failure(FailureKind.BAD_GATEWAY, message))
        self.reason = reason


def bad_gateway(message: str) -> FailureError:
    """The upstream could not be reached, or its answer cannot be used."""
    return FailureError(Failure(FailureKind.BAD_GATEWAY, message))


def connect_timeout(where: str, seconds: float) -> FailureError:
    """No connection within the time allowed for it."""
    return FailureError(
        Failure(
            FailureKind.TIMEOUT, f"Connecting to {where} took longer than {seconds:g} s (timeouts.connect)."
        )
    )


def unreachable(where: str, reason: str, *, secure: bool = False) -> FailureError:
    """No connection at all; `reason` is the operating system's or, with `secure`, the TLS library's."""
    return UnreachableError(f"Could not connect to {where}: {reason}.", secure=secure)


def unresolved(where: str) -> FailureError:
    """The host's name has no address."""
    return unreachable(where, "the host's name could not be resolved")


def no_answer(where: str) -> FailureError:
    """The connection was lost before the head of an answer was there."""
    return bad_gateway(f"{where} closed the connection before it answered.")


def not_http(where: str) -> FailureError:
    """The head of the answer breaks the rules or the limits."""
    return bad_gateway(f"The answer of {where} is not valid HTTP, or its headers are too large.")


def broken_off(where: str) -> FailureError:
    """The body ended before its end."""
    return bad_gateway(f"The connection to {where} broke off in the middle of the answer.")


def not_decodable(where: str, reason: Exception) -> FailureError:
    """The body's `content-encoding` is unknown here, or not what the body is in."""
    return UndecodableError(f"The answer of {where} cannot be read: {reason}.", str(reason))


def too_large(where: str, limit: int) -> FailureError:
    """The body is larger than what was allowed."""
    return bad_gateway(f"The answer of {where} is larger than {limit} bytes.")


def let_go(where: str) -> FailureError:
    """The answer was closed on this side, and is read all the same."""
    return bad_gateway(f"The answer of {where} was closed before it was read to its end.")


def stopping() -> FailureError:
    """The transport is closed."""
    return bad_gateway("The connections to upstreams are closed: the gateway is stopping.")
