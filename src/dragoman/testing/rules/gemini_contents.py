"""What Google refuses in the order of contents, and around calls, their results and signatures."""

import base64
import binascii

import msgspec

from dragoman.models.profile import Profile
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.rules.gemini_errors import field_error, refused
from dragoman.testing.rules.gemini_messages import PART_DATA
from dragoman.testing.signatures import Verdict, check_signature

PLACEHOLDERS = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})
"""Signatures that Google takes in place of lost ones."""

_CALL_TURN = (
    "Please ensure that function call turn comes immediately after a user turn or after a function response "
    "turn."
)
_RESPONSE_TURN = "Please ensure that function response turn comes immediately after a function call turn."
_COUNTS = (
    "Please ensure that the number of function response parts is equal to the number of function call parts "
    "of the function call turn."
)
_OWN_CONTENT = ("gemini-3.7",)
"""Models that refuse function responses beside other parts in one content."""


class Content(msgspec.Struct):
    """One content, its parts as objects; of the model's contents in a row, all of them as one turn.

    `number` counts the contents from 0; of a turn it is the first one's.
    """

    number: int
    role: str
    parts: list[Object]

    @property
    def calls(self) -> list[Object]:
        """The function calls in it."""
        return [call for part in self.parts if isinstance(call := part.get("function_call"), dict)]

    @property
    def responses(self) -> list[Object]:
        """The function responses in it."""
        return [found for part in self.parts if isinstance(found := part.get("function_response"), dict)]


def contents_of(message: Object) -> list[Content]:
    """The contents of a request. Raises `RefusedError` for missing and empty ones, and for roles that
    do not exist.

    Google's own SDK sends each chunk of an earlier stream back as a content of its own, the empty text
    at its end included: so the model's contents in a row are one turn.
    """
    listed = message.get("contents")
    if not isinstance(listed, list) or not listed:
        raise field_error("contents", "contents is not specified")
    contents: list[Content] = []
    for number, value in enumerate(listed):
        assert isinstance(value, dict)  # noqa: S101 - the reader leaves nothing else
        role = value.get("role", "user")
        if role not in {"user", "model", "function"}:
            raise refused("Please use a valid role: user, model.")
        parts = _objects(value.get("parts"))
        if not parts and role != "model":
            raise field_error(f"contents[{number}].parts", "contents.parts must not be empty.")
        for place, part in enumerate(parts):
            check_part(part, f"contents[{number}].parts[{place}]", may_be_empty=role == "model")
        if role == "model" and contents and contents[-1].role == "model":
            contents[-1].parts += parts
        else:
            contents.append(Content(number, "model" if role == "model" else "user", parts))
    for content in contents:
        if content.role == "model" and len(content.parts) == 1:
            check_part(content.parts[0], f"contents[{content.number}].parts[0]")
    return contents


def _objects(value: JSON) -> list[Object]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def check_part(part: Object, path: str, *, may_be_empty: bool = False) -> None:
    """Raise `RefusedError` for a part without data, or with data that cannot be read.

    Empty text may stand beside other parts of the model's turn: recorded answers show that.
    """
    named = [name for name in PART_DATA if name in part]
    may_be_empty = may_be_empty or "thought_signature" in part
    if not named or (part.get("text") == "" and not may_be_empty):
        raise field_error(f"{path}.data", "required oneof field 'data' must have one initialized field")
    match part[named[0]]:
        case {"mime_type": str(), "data": str()} if named[0] == "inline_data":
            pass
        case {"file_uri": str(uri)} if named[0] == "file_data":
            if uri.startswith("gs://"):
                raise refused(
                    "Google Cloud Storage URIs are not supported directly. Register them using FileService."
                )
            if not uri.startswith("https://"):
                raise refused("Cannot fetch content from the provided URL.")
        case {"name": str(name)} if named[0] in {"function_call", "function_response"} and name:
            if named[0] == "function_response" and "response" not in _member(part, named[0]):
                raise field_error(f"{path}.function_response.response", "required field is not set.")
        case _ if named[0] in {"inline_data", "file_data", "function_call", "function_response"}:
            raise field_error(f"{path}.{named[0]}", "required fields are not set.")
        case _:
            pass


def _member(part: Object, name: str) -> Object:
    value = part.get(name)
    return value if isinstance(value, dict) else {}


def check_contents(contents: list[Content], profile: Profile, model: str) -> None:
    """Raise `RefusedError` for contents in an order that Google refuses."""
    for place, content in enumerate(contents):
        before = contents[place - 1] if place else None
        if content.role == "model" and content.calls:
            if before is None or before.role != "user":
                raise refused(_CALL_TURN)
            answers = _answers(contents[place + 1 :], profile)
            if len(answers) != len(content.calls):
                raise refused(_COUNTS)
            _check_ids(content.calls, answers)
        if content.role == "user" and content.responses:
            if before is None or not (before.calls or (before.responses and not profile.signed_calls)):
                raise refused(_RESPONSE_TURN)
            _check_response_content(content, profile, model)
        if content.role == "user" and content.calls:
            raise refused("Function call parts are only allowed in contents of role 'model'.")
    if contents[-1].role == "model" and not profile.ends_with_model:
        raise refused("Requests ending with a model turn are not supported.")
    _check_signatures(contents, profile)


def _answers(following: list[Content], profile: Profile) -> list[Object]:
    """The function responses right after a call turn: in one content, or in several for models before
    the third generation.
    """
    answers: list[Object] = []
    for content in following:
        if content.role != "user" or not content.responses:
            break
        answers += content.responses
        if profile.signed_calls:
            break
    return answers


def _check_ids(calls: list[Object], answers: list[Object]) -> None:
    """Ids may be left out; those that are there have to match."""
    called = {str(call.get("id")) for call in calls}
    given = [str(answer.get("id")) for answer in answers if answer.get("id")]
    if not called.issuperset(given) or len(set(given)) < len(given):
        raise refused(
            "Please ensure that the id of each function response matches the id of a function call."
        )


def _check_response_content(content: Content, profile: Profile, model: str) -> None:
    mixed = len(content.responses) < len(content.parts)
    if mixed and model.startswith(_OWN_CONTENT):
        raise refused("Function response parts cannot share a content with other parts.")
    if not profile.result_media and any(response.get("parts") for response in content.responses):
        raise refused("Multimodal function responses are not supported for this model.")


def _check_signatures(contents: list[Content], profile: Profile) -> None:
    """Signatures count within the current turn: after the last content that is more than results."""
    start = max(
        (
            content.number
            for content in contents
            if content.role == "user" and len(content.responses) < len(content.parts)
        ),
        default=-1,
    )
    for content in contents[start + 1 :]:
        first = True
        for part in content.parts:
            value = part.get("thought_signature")
            call = part.get("function_call")
            if isinstance(call, dict):
                if first and profile.signed_calls and not value:
                    raise refused(
                        f"Function call `{call.get('name')}` in the `{content.number + 1}`. content block is "
                        "missing a `thought_signature`."
                    )
                first = False
            if isinstance(value, str) and value:
                _check_signature(value, profile)


def _check_signature(value: str, profile: Profile) -> None:
    if value in PLACEHOLDERS or _decoded(value) in PLACEHOLDERS:
        return
    standard = value.replace("-", "+").replace("_", "/")
    if check_signature(standard, "gemini", profile.family) is not Verdict.VALID:
        raise refused("Corrupted thought signature.")


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
