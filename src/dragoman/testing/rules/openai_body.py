"""What all of OpenAI's endpoints have in common: JSON bodies, models, and fields that several take."""

from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import decode_json
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.rules.refusal import Access, RefusedError


def check_access(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request without a key that OpenAI knows."""
    scheme, _, key = incoming.headers.get("authorization", "").partition(" ")
    if access.open or (scheme.lower() == "bearer" and access.knows_key(key)):
        return
    if not key:
        raise refused(
            "You didn't provide an API key. You need to provide your API key in an Authorization header "
            "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )
    raise refused(
        f"Incorrect API key provided: {key[:4]}****. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
        status=401,
    )


def no_such_route(incoming: Incoming) -> RefusedError:
    """What OpenAI answers where it serves nothing."""
    return refused(f"Invalid URL ({incoming.method} {incoming.path})", status=404)


def wrong_method(incoming: Incoming) -> RefusedError:
    """What OpenAI answers to a known path with another method."""
    hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
    message = f"Not allowed to {incoming.method} on {incoming.path} {hint}"
    return refused(message, code="method_not_supported", status=405)


def no_such_model(model: str) -> RefusedError:
    """What OpenAI answers for a model that it does not have."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return refused(message, code="model_not_found", status=404)


def read_body(incoming: Incoming) -> Field:
    """The request's JSON object. Raises `RefusedError` for anything else, and for one that is not
    declared as JSON.
    """
    try:
        value = decode_json(incoming.body)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not _is_json(incoming):
        raise refused(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using "
            "your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not "
            "valid JSON.)"
        )
    return Field("", value)


def _is_json(incoming: Incoming) -> bool:
    return incoming.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def read_model(body: Field, access: Access) -> str:
    """The model that a request names. Raises `RefusedError` for none, and for one that is not served."""
    model = body.member("model")
    if model is None:
        raise refused("you must provide a model parameter")
    name = model.string()
    if not access.knows_model(name):
        raise no_such_model(name)
    return name


def refuse_unknown(body: Field, known: frozenset[str]) -> None:
    """Raise `RefusedError` for fields that are not known, in the words of OpenAI's older endpoints."""
    unknown = [field for field in body.object() if field not in known]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise refused(f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}")


def check_stream(body: Field) -> bool:
    """Whether a stream is asked for. Raises `RefusedError` for options that OpenAI refuses."""
    stream = body.member("stream")
    streamed = stream is not None and stream.boolean()
    if (options := body.member("stream_options")) is not None:
        if not streamed:
            message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            raise refused(message, "stream_options")
        options.only("include_usage", "include_obfuscation")
        for name in ("include_usage", "include_obfuscation"):
            if (option := options.member(name)) is not None:
                option.boolean()
    return streamed


def check_ranges(body: Field, *ranges: tuple[str, float, float]) -> None:
    """Raise `RefusedError` for numbers outside of their ranges: a name, the least and the most."""
    for name, least, most in ranges:
        if (field := body.member(name)) is not None:
            field.decimal(least, most)


def check_metadata(body: Field) -> None:
    """Raise `RefusedError` for `metadata` beyond OpenAI's limits."""
    if (metadata := body.member("metadata")) is None:
        return
    pairs = metadata.object()
    if len(pairs) > 16:
        raise metadata.invalid(
            f"too many properties. Expected an object with at most 16 properties, but got an object with "
            f"{len(pairs)} properties instead.",
            "object_above_max_properties",
        )
    for name, value in pairs.items():
        Field("metadata", name).string(64)
        Field(f"metadata.{name}", value).string(512)
