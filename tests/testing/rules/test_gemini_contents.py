"""What the fake Google refuses in the order of contents, and around calls and signatures."""

from collections.abc import Callable

import pytest

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.signatures import issue_signature

Refusal = Callable[..., str | None]

NEWER = "gemini-3-pro-preview"
GENUINE = issue_signature("gemini", "gemini-3")


def user(*parts: JSON) -> Object:
    return {"role": "user", "parts": [*parts]}


def model(*parts: JSON) -> Object:
    return {"role": "model", "parts": [*parts]}


def call(name: str = "f", call_id: str | None = None) -> Object:
    fields: Object = {"name": name, "args": {}}
    if call_id:
        fields["id"] = call_id
    return {"functionCall": fields}


def signed(signature: str = GENUINE, name: str = "f") -> Object:
    return {**call(name), "thoughtSignature": signature}


def result(name: str = "f", call_id: str | None = None) -> Object:
    fields: Object = {"name": name, "response": {"output": "5"}}
    if call_id:
        fields["id"] = call_id
    return {"functionResponse": fields}


HELLO = user({"text": "Hello"})
SO = model({"text": "So"})

COUNTS = (
    "number of function response parts is equal to the number of function call parts of the function call"
)

REFUSED: list[tuple[list[Object], str]] = [
    ([], "* GenerateContentRequest.contents: contents is not specified"),
    ([user()], "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty."),
    (
        [user({})],
        "contents[0].parts[0].data: required oneof field 'data' must have one initialized field",
    ),
    ([user({"text": ""})], "required oneof field 'data' must have one initialized field"),
    ([HELLO, model({"text": ""}), HELLO], "required oneof field 'data' must have one initialized field"),
    ([{"role": "assistant", "parts": [{"text": "x"}]}], "Please use a valid role: user, model."),
    (
        [model(call()), user(result())],
        "Please ensure that function call turn comes immediately after a user turn",
    ),
    ([HELLO, model(call(), call()), user(result())], COUNTS),
    ([HELLO, model(call()), HELLO], COUNTS),
    ([HELLO, model(call())], COUNTS),
    ([HELLO, model(call()), user(result(), result())], COUNTS),
    (
        [HELLO, SO, user(result())],
        "Please ensure that function response turn comes immediately after a function call turn.",
    ),
    (
        [HELLO, model(call(call_id="a")), user(result(call_id="b"))],
        "the id of each function response matches the id of a function call",
    ),
    ([user(call())], "Function call parts are only allowed in contents of role 'model'."),
    (
        [user({"functionCall": {"args": {}}})],
        "contents[0].parts[0].function_call: required fields are not set.",
    ),
    (
        [HELLO, model(call()), user({"functionResponse": {"name": "f"}})],
        "function_response.response: required field is not set.",
    ),
    (
        [user({"fileData": {"fileUri": "gs://bucket/a.png", "mimeType": "image/png"}})],
        "Register them using FileService.",
    ),
    ([user({"fileData": {"fileUri": "ftp://a.example/b"}})], "Cannot fetch content from the provided URL."),
    (
        [user({"inlineData": {"data": "aGk="}})],
        "contents[0].parts[0].inline_data: required fields are not set.",
    ),
]


@pytest.mark.parametrize(("contents", "message"), REFUSED)
def test_contents_are_refused_in_the_vendors_words(
    gemini_refusal: Refusal, contents: list[Object], message: str
) -> None:
    assert message in (gemini_refusal({"contents": [*contents]}) or "accepted")


ACCEPTED: dict[str, list[Object]] = {
    "no role": [{"parts": [{"text": "Hello"}]}],
    "the retired role of results": [HELLO, model(call()), {"role": "function", "parts": [result()]}],
    "a trailing model turn": [HELLO, SO],
    "a model turn without parts": [HELLO, {"role": "model"}, HELLO],
    "a turn in the pieces of its stream": [
        HELLO,
        SO,
        model(call()),
        model(call("g")),
        model({"text": ""}),
        user(result(), result("g")),
    ],
    "empty text beside a call": [HELLO, model({"text": ""}, call()), user(result())],
    "parallel calls": [HELLO, model(call(), call("g")), user(result(), result("g")), SO, HELLO],
    "results in several contents": [HELLO, model(call(), call("g")), user(result()), user(result("g"))],
    "results without the ids of their calls": [HELLO, model(call(call_id="a")), user(result())],
    "a call after a result": [HELLO, model(call()), user(result()), model(call()), user(result())],
    "a file by URL": [user({"fileData": {"fileUri": "https://a.example/b.png"}}, {"text": "What is it?"})],
}


@pytest.mark.parametrize("contents", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_good_contents_are_accepted(gemini_refusal: Refusal, contents: list[Object]) -> None:
    assert gemini_refusal({"contents": [*contents]}) is None


MISSING = "Function call `f` in the `2`. content block is missing a `thought_signature`."


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([HELLO, model(signed()), user(result())], None),
        ([HELLO, model(signed(), call("g")), user(result(), result("g"))], None),
        ([HELLO, model(signed("skip_thought_signature_validator")), user(result())], None),
        ([HELLO, model(signed("c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=")), user(result())], None),
        ([HELLO, model(call()), user(result())], MISSING),
        ([HELLO, model(call("f"), signed(name="g")), user(result(), result("g"))], MISSING),
        ([HELLO, model(call()), user(result()), SO, HELLO], None),
        ([HELLO, model(signed("Zm9yZWlnbg==")), user(result())], "Corrupted thought signature."),
        (
            [HELLO, model(signed(issue_signature("gemini", "gemini-2.5"))), user(result())],
            "Corrupted thought signature.",
        ),
        ([HELLO, model(signed("Zm9yZWlnbg==")), user(result()), SO, HELLO], None),
        ([HELLO, model(signed("!")), user(result())], "Base64 decoding failed"),
        ([HELLO, model(signed(), call("g")), user(result()), user(result("g"))], COUNTS),
    ],
)
def test_a_newer_model_wants_its_signatures_back_within_the_turn(
    gemini_refusal: Refusal, contents: list[Object], message: str | None
) -> None:
    refused = gemini_refusal({"contents": [*contents]}, NEWER)

    assert refused is None if message is None else message in (refused or "accepted")


def test_the_newest_models_refuse_a_trailing_model_turn(gemini_refusal: Refusal) -> None:
    contents: list[JSON] = [HELLO, SO]

    assert gemini_refusal({"contents": contents}, "gemini-3.6-flash") == (
        "Requests ending with a model turn are not supported."
    )


def test_results_stand_alone_for_the_newest_model(gemini_refusal: Refusal) -> None:
    contents: list[JSON] = [HELLO, model(signed()), user(result(), {"text": "Go on."})]

    assert gemini_refusal({"contents": contents}, NEWER) is None
    assert gemini_refusal({"contents": contents}, "gemini-3.7-pro") == (
        "Function response parts cannot share a content with other parts."
    )


def test_media_in_results_is_for_newer_models(gemini_refusal: Refusal) -> None:
    answered: Object = {
        "functionResponse": {
            "name": "f",
            "response": {},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}],
        }
    }
    contents: list[JSON] = [HELLO, model(signed()), user(answered)]

    assert gemini_refusal({"contents": contents}, NEWER) is None
    assert gemini_refusal({"contents": contents}, "gemini-2.5-flash") is not None
