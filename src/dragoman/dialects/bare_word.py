"""Answers of one bare word out of several, which only Google's format can ask for (`text/x.enum`)."""

from dragoman.conversation.request import Request

_FIELD = "generationConfig.responseMimeType"


def wants_bare_word(request: Request) -> bool:
    """Whether the client wants the word itself. In other formats it is asked for as JSON, and the gateway
    takes the quotes off (`Emulation.bare`).
    """
    return any(
        extra.dialect == "gemini" and extra.field == _FIELD and extra.json == b'"text/x.enum"'
        for extra in request.extras
    )
