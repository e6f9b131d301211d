"""Pictures, documents and recordings in the user's words."""

import base64
from collections.abc import Mapping

from dragoman.conformance.feature import Feature
from dragoman.conformance.question import Media, Question, Words, user
from dragoman.conformance.stage import Got, Stage

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = (
    "JVBERi0xLjEKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZy9QYWdlcyAyIDAgUj4+ZW5kb2JqCjIgMCBvYmo8PC9UeXBlL1BhZ2VzL0tp"
    "ZHNbXS9Db3VudCAwPj5lbmRvYmoKdHJhaWxlcjw8L1Jvb3QgMSAwIFI+Pgo="
)
SOUND = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
FILM = "AAAAGGZ0eXBpc29tAAAAAGlzb21tcDQyAAAACG1kYXQ="
IMAGE = Media("image", "image/png", PIXEL)

_SAME = "statement 29: media keep their bytes and their type"
_AUDIO = {
    "openai_responses": "OpenAI Responses: input is text, images and files",
    "anthropic": "Anthropic Messages: media are images and documents",
}
_VIDEO = {
    "openai_chat": "Chat Completions: content parts are text, images, audio and files",
    **_AUDIO,
}


def _seen(part: object) -> str:
    match part:
        case Words(text=text):
            return text
        case Media(url=url) if url:
            return url
        case Media(kind=kind, media_type=media_type, data=data):
            # Chat Completions names sound by its file type alone
            return f"{kind} {media_type.removeprefix('audio/')} {data}"
        case _:
            return type(part).__name__


def _sending(
    name: str,
    title: str,
    parts: tuple[Media | str, ...],
    *,
    rule: str = _SAME,
    impossible: Mapping[str, str] | None = None,
    emulated: Mapping[str, str] | None = None,
    words: tuple[str, ...] = (),
) -> Feature:
    """A feature that sends these parts in one turn and wants them upstream in the same order."""
    turn = user(*parts)
    wanted = [_seen(part) for part in turn.parts]

    def question(stage: Stage) -> Question:
        return Question(stage.model, (turn,), stream=stage.streamed)

    def check(stage: Stage, got: Got) -> None:
        seen = [_seen(part) for part in got.question.parts("user")]
        # a file's name may come as words of its own
        kept = [text for text in seen if text in wanted]
        stage.expect(kept == wanted, f"the upstream got {[text[:90] for text in seen]}")

    return Feature(
        name,
        "Media",
        title,
        rule,
        question,
        check=check,
        impossible=impossible or {},
        emulated=emulated or {},
        words=words,
    )


_FETCHED = "a gateway may fetch what a URL names, and say so where it cannot"
_DOT = Media("image", "image/webp", "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")

_WORDS = "The ship leaves at nine, not at ten."
_NOTE = Media("document", "text/plain", base64.b64encode(_WORDS.encode()).decode())


def _has_note(stage: Stage, got: Got) -> None:
    body = got.received[-1].body
    stage.expect(_WORDS.encode() in body or _NOTE.data.encode() in body, "the document is lost")


FEATURES = (
    _sending("image-inline", "A picture as base64", ("What is this?", IMAGE)),
    _sending(
        "image-order",
        "Text, picture, text, picture: the order stays",
        ("The first:", IMAGE, "The second:", _DOT),
        rule="all vendors: content parts are read in their order",
    ),
    _sending(
        "image-url",
        "A picture by URL",
        ("What is this?", Media("image", "image/png", url="https://example.com/conformance/picture.png")),
        rule="all vendors take pictures by HTTPS URL: image_url, url sources, fileData",
        emulated=dict.fromkeys(("openai_chat", "openai_responses", "anthropic", "gemini"), _FETCHED),
        words=("url", "fetch"),
    ),
    _sending("pdf-inline", "A PDF as base64", ("What is in it?", Media("document", "application/pdf", PDF))),
    Feature(
        "text-document",
        "Media",
        "A document of plain text",
        "Anthropic Messages: text/plain documents; generateContent: inlineData; others: files or text",
        lambda stage: Question(stage.model, (user("Sum up.", _NOTE),), stream=stage.streamed),
        check=_has_note,
        clients=frozenset({"anthropic", "gemini"}),
    ),
    _sending(
        "pdf-url",
        "A PDF by URL",
        ("What is in it?", Media("document", "application/pdf", url="https://example.com/paper.pdf")),
        rule="Responses: file_url; Anthropic Messages: URL documents; generateContent: fileData",
        impossible={"openai_chat": "Chat Completions: files are inline or uploaded, never by URL"},
        emulated=dict.fromkeys(("openai_responses", "anthropic", "gemini"), _FETCHED),
        words=("url", "file", "document", "pdf"),
    ),
    _sending(
        "audio",
        "A recording (WAV)",
        ("What do you hear?", Media("audio", "audio/wav", SOUND)),
        impossible=_AUDIO,
        words=("audio", "sound", "recording"),
    ),
    _sending(
        "video",
        "A film (MP4)",
        ("What do you see?", Media("video", "video/mp4", FILM)),
        impossible=_VIDEO,
        words=("video", "film", "inlinedata"),
    ),
)
