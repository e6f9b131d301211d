"""Log probabilities of tokens, both ways."""

import msgspec

from dragoman.conversation.response import AlternativeToken, TokenLogprob
from dragoman.dialects.gemini.wire import LogprobsResult, LogprobToken, TopCandidates
from dragoman.dialects.json_text import decode_upstream

_RESULT = msgspec.json.Decoder(LogprobsResult)


def parse_logprobs(raw: msgspec.Raw) -> tuple[TokenLogprob, ...]:
    """The tokens of a `logprobsResult`. Raises `FailureError` (bad gateway) for anything else."""
    result = decode_upstream(_RESULT, bytes(raw))
    tops = result.top_candidates or []
    tokens: list[TokenLogprob] = []
    for place, chosen in enumerate(result.chosen_candidates or ()):
        top = tops[place].candidates if place < len(tops) else None
        tokens.append(
            TokenLogprob(
                chosen.token,
                chosen.log_probability,
                top=tuple(AlternativeToken(token.token, token.log_probability) for token in top or ()),
            )
        )
    return tuple(tokens)


def render_logprobs(tokens: tuple[TokenLogprob, ...]) -> LogprobsResult:
    """Tokens as a `logprobsResult`."""
    return LogprobsResult(
        chosen_candidates=[
            LogprobToken(token=token.token, log_probability=token.logprob) for token in tokens
        ],
        top_candidates=[
            TopCandidates(
                candidates=[LogprobToken(token=top.token, log_probability=top.logprob) for top in token.top]
            )
            for token in tokens
        ]
        if any(token.top for token in tokens)
        else None,
    )
