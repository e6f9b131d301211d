"""Pictures, documents and recordings in the user's words."""

import dataclasses

from dragoman.conformance.feature import Feature
from dragoman.conformance.question import Media, Question, Words, user
from dragoman.conformance.stage import Got, Stage

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
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
        case Media(kind=kind, media_type=media_type, data=data, url=url):
            # Chat Completions names sound by its file type alone
            return f"{kind} {url or media_type.removeprefix('audio/')} {data}".strip()
        case _:
            return type(part).__name__


def _sending(name: str, title: str, rule: str, *parts: Media | str) -> Feature:
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

    return Feature(name, "Media", title, rule, question, check=check)


_AUDIO_FEATURE = _sending(
    "audio",
    "A recording (WAV)",
    _SAME,
    "What do you hear?",
    Media("audio", "audio/wav", SOUND),
)
_VIDEO_FEATURE = _sending(
    "video",
    "A film (MP4)",
    _SAME,
    "What do you see?",
    Media("video", "video/mp4", FILM),
)
_PDF_URL_FEATURE = _sending(
    "pdf-url",
    "A PDF by URL",
    "OpenAI Responses: file_url; Anthropic Messages: URL documents; generateContent: fileData",
    "What is in it?",
    Media("document", "application/pdf", url="https://example.com/conformance/paper.pdf"),
)

FEATURES = (
    _sending("image-inline", "A picture as base64", _SAME, "What is this?", IMAGE),
    _sending(
        "image-order",
        "Text, picture, text, picture: the order stays",
        "all vendors: content parts are read in their order",
        "The first:",
        IMAGE,
        "The second:",
        Media("image", "image/gif", "R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="),
    ),
    dataclasses.replace(
        _sending(
            "image-url",
            "A picture by URL",
            "all vendors take pictures by HTTPS URL: image_url, url source, fileData",
            "What is this?",
            Media("image", "image/png", url="https://example.com/conformance/picture.png"),
        ),
        check=lambda stage, got: stage.expect(
            any(media.url == "https://example.com/conformance/picture.png" for media in got.question.media),
            f"the upstream got {got.question.media}",
        ),
    ),
    _sending(
        "pdf-inline",
        "A PDF as base64",
        _SAME,
        "What is in it?",
        Media("document", "application/pdf", PDF),
    ),
    dataclasses.replace(
        _PDF_URL_FEATURE,
        check=lambda stage, got: stage.expect(
            any(media.url == "https://example.com/conformance/paper.pdf" for media in got.question.media),
            f"the upstream got {got.question.media}",
        ),
        impossible={"openai_chat": "Chat Completions: files are inline or uploaded, never by URL"},
        words=("url", "file", "document", "pdf"),
    ),
    dataclasses.replace(_AUDIO_FEATURE, impossible=_AUDIO, words=("audio", "sound", "recording")),
    dataclasses.replace(_VIDEO_FEATURE, impossible=_VIDEO, words=("video", "film", "inlinedata")),
)
