"""A whole answer as a model streams it: word by word, candidates side by side, usage in two parts."""

import itertools
import re
from collections.abc import Iterable, Iterator

from dragoman.conversation.events import (
    ArgumentsDelta,
    Event,
    LogprobsReported,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.fold import unfold
from dragoman.conversation.response import Response, TokenLogprob
from dragoman.conversation.usage import Usage

_WORDS = re.compile(r"(?:\S+\s*){1,3}|\s+")
_ARGUMENT_PIECE = 12


def paced(response: Response) -> Iterator[Event]:
    """The events of a streamed answer; folded, they are the answer again.

    Text comes a few words at a time, arguments a few characters, each with the log probabilities of
    its tokens. Input is counted at the start, as vendors do, and everything at the end.
    """
    head: list[Event] = []
    tail: list[Event] = []
    choices: dict[int, list[Event]] = {}
    for event in unfold(response):
        match event:
            case Started():
                head.append(event)
            case UsageReported(usage=usage):
                head.append(UsageReported(_at_start(usage)))
                tail.append(event)
            case _:
                choices.setdefault(getattr(event, "choice", 0), []).append(event)
    yield from head
    streams = [_in_pieces(events) for events in choices.values()]
    for group in itertools.zip_longest(*streams):
        yield from (event for event in group if event is not None)
    yield from tail


def _at_start(usage: Usage) -> Usage:
    return Usage(
        input=usage.input,
        output=0 if usage.output is not None else None,
        cache_read=usage.cache_read,
        cache_write=usage.cache_write,
        cache_write_1h=usage.cache_write_1h,
    )


def _in_pieces(events: Iterable[Event]) -> Iterator[Event]:
    logprobs: list[TokenLogprob] = []
    for event in events:
        match event:
            case LogprobsReported(tokens=tokens):
                logprobs.extend(tokens)
            case TextDelta(index=index, text=text, choice=choice):
                for piece in _with_logprobs(text, logprobs) if logprobs else _plain(text):
                    tokens, words = piece
                    if tokens:
                        yield LogprobsReported(tokens, choice)
                    yield TextDelta(index, words, choice)
            case ThinkingDelta(index=index, text=text, choice=choice):
                for words in _WORDS.findall(text):
                    yield ThinkingDelta(index, words, choice)
            case ArgumentsDelta(index=index, text=text, choice=choice):
                for start in range(0, len(text), _ARGUMENT_PIECE):
                    yield ArgumentsDelta(index, text[start : start + _ARGUMENT_PIECE], choice)
            case Stopped(choice=choice):
                if logprobs:
                    yield LogprobsReported(tuple(logprobs), choice)
                yield event
            case _:
                yield event


def _plain(text: str) -> Iterator[tuple[tuple[TokenLogprob, ...], str]]:
    for words in _WORDS.findall(text):
        yield (), words


def _with_logprobs(text: str, logprobs: list[TokenLogprob]) -> Iterator[tuple[tuple[TokenLogprob, ...], str]]:
    """The text in pieces of whole tokens, as far as the tokens are those of the text."""
    while text and logprobs:
        tokens: list[TokenLogprob] = []
        words = ""
        while logprobs and len(words) < _ARGUMENT_PIECE and text.startswith(words + logprobs[0].token):
            tokens.append(logprobs.pop(0))
            words += tokens[-1].token
        if not words:
            break
        yield tuple(tokens), words
        text = text[len(words) :]
    if text:
        yield (), text
