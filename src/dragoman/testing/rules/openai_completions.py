"""What OpenAI refuses on `POST /v1/completions`, its older way to let a model go on with a text."""

from dragoman.models.profile import UNKNOWN, profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON, is_integer
from dragoman.testing.rules.openai_body import (
    check_ranges,
    check_stream,
    read_body,
    read_model,
    refuse_unknown,
)
from dragoman.testing.rules.openai_embeddings import is_embedding_model
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.rules.refusal import Access

COMPLETION_MODELS = ("gpt-3.5-turbo-instruct", "babbage", "davinci")
"""How the names of models begin that only complete a prompt."""

END_OF_TEXT = "<|endoftext|>"
"""The prompt of a request without one."""

DEFAULT_LIMIT = 16
"""Output tokens of a request that sets no limit."""

_MOST_TOKEN = 100_257
_MOST_LOGPROBS = 5
_KNOWN = frozenset(
    {
        "best_of",
        "echo",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "model",
        "n",
        "presence_penalty",
        "prompt",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "suffix",
        "temperature",
        "top_p",
        "user",
    }
)


def check_request(incoming: Incoming, access: Access) -> Field:
    """The request. Raises `RefusedError` for one that OpenAI refuses."""
    body = read_body(incoming)
    model = read_model(body, access)
    if is_embedding_model(model):
        raise refused("You are not allowed to sample from this model", status=403)
    if profile_of(model) is not UNKNOWN and not model.startswith(COMPLETION_MODELS):
        raise refused(
            "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use "
            "v1/chat/completions?",
            "model",
            status=404,
        )
    refuse_unknown(body, _KNOWN)
    prompts_of(body)
    _check_numbers(body)
    streamed = check_stream(body)
    n, best = whole(body, "n", 1), whole(body, "best_of", 1)
    if body.member("best_of") is not None and best < n:
        raise refused(
            "You requested that the server return more choices than it will generate (HINT: you "
            "must set 'n' (currently "
            f"{n}) to be at most 'best_of' (currently {best}), or omit either parameter if you "
            "don't specifically want to use them.)"
        )
    if streamed and best > n:
        raise refused("You cannot stream results when 'best_of' is greater than 'n'.", "best_of")
    if (echo := body.member("echo")) is not None:
        echo.boolean()
    for name in ("suffix", "user"):
        if (field := body.member(name)) is not None:
            field.string()
    if (stop := body.member("stop")) is not None and not isinstance(stop.value, str):
        if not isinstance(stop.value, list):
            raise stop.wrong_type("one of a string or array of strings")
        for sequence in stop.elements("strings", most=4):
            sequence.string()
    return body


def _check_numbers(body: Field) -> None:
    check_ranges(
        body,
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("presence_penalty", -2, 2),
        ("frequency_penalty", -2, 2),
    )
    for name, least, most in (
        ("max_tokens", 0, None),
        ("n", 1, 128),
        ("best_of", 0, 20),
        ("logprobs", 0, _MOST_LOGPROBS),
        ("seed", None, None),
    ):
        if (field := body.member(name)) is not None:
            field.integer(least, most)
    if (bias := body.member("logit_bias")) is not None:
        for token, value in bias.object().items():
            Field(f"logit_bias.{token}", value).decimal(-100, 100)


def whole(body: Field, name: str, default: int) -> int:
    """A field that is a whole number, or what it is where it is not said."""
    value = body.object().get(name)
    return value if isinstance(value, int) and is_integer(value) else default


def prompts_of(body: Field) -> list[str]:
    """The prompts, token numbers written out. Raises `RefusedError` for anything else."""
    prompt = body.member("prompt")
    if prompt is None:
        return [END_OF_TEXT]
    if isinstance(prompt.value, str):
        return [prompt.value]
    if not isinstance(prompt.value, list):
        raise prompt.wrong_type("one of a string or array of strings or tokens")
    elements = prompt.elements("strings", least=1)
    if all(is_integer(element.value) for element in elements):
        return [_written(prompt.value)]
    prompts: list[str] = []
    for element in elements:
        if isinstance(element.value, list) and element.value:
            prompts.append(_written(element.value))
        else:
            prompts.append(element.string())
    return prompts


def _written(tokens: list[JSON]) -> str:
    """A text that stands for the tokens: nobody has the vocabulary here."""
    for token in tokens:
        if not isinstance(token, int) or not is_integer(token):
            raise refused(f"Invalid token in prompt: {token}. Expected an integer.")
        if not 0 <= token <= _MOST_TOKEN:
            raise refused(
                f"Invalid token in prompt: {token}. Minimum value is 0, maximum value is {_MOST_TOKEN} "
                "(inclusive)."
            )
    return " ".join(str(token) for token in tokens)
