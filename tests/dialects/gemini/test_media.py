"""Pictures, sounds and files."""

import json

import msgspec
import pytest
from msgspec import Raw

from dragoman.conversation.blocks import Audio, Document, Image, Inline, Remote, Stored, Unknown
from dragoman.conversation.envelope import seal
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.dialects.gemini.media import attributes, guessed_type, media_block, media_data
from dragoman.dialects.gemini.signatures import Entry, Kind, packed
from dragoman.dialects.gemini.wire import Blob, FileData, Part


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a/cat.PNG?x=1.gif", "image/png"),
        ("https://example.org/report.pdf#page=2", "application/pdf"),
        ("gs://bucket/clip.mp4", "video/mp4"),
        ("https://example.org/no-extension", None),
        ("photo.jpeg", "image/jpeg"),
    ],
)
def test_a_media_type_is_guessed_from_the_extension(url: str, expected: str | None) -> None:
    assert guessed_type(url) == expected


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", Image),
        ("audio/wav", Audio),
        ("application/pdf", Document),
        ("text/plain", Document),
    ],
)
def test_inline_data_becomes_the_block_of_its_type(
    media_type: str, kind: type[Image] | type[Audio] | type[Document]
) -> None:
    block = media_block(Part(inline_data=Blob(mime_type=media_type, data="QUJD")))
    assert block == kind(Inline(media_type, "QUJD"))
    assert msgspec.json.encode(media_data(kind(Inline(media_type, "QUJD")), "")) == (
        b'{"inlineData":{"mimeType":"' + media_type.encode() + b'","data":"QUJD"}}'
    )


@pytest.mark.parametrize(
    ("sent", "standard"), [("-_-_", "+/+/"), ("_w", "/w=="), ("_-8", "/+8="), ("/w==", "/w==")]
)
def test_inline_data_in_the_url_safe_alphabet_becomes_standard_base64(sent: str, standard: str) -> None:
    block = media_block(Part(inline_data=Blob(mime_type="image/png", data=sent)))
    assert block == Image(Inline("image/png", standard))


def test_video_stays_content_of_this_format_alone() -> None:
    part = Part(inline_data=Blob(mime_type="video/mp4", data="AAAA"), video_metadata=Raw(b'{"fps":1}'))
    block = media_block(part)
    assert isinstance(block, Unknown)
    assert (block.dialect, block.kind, block.server_side) == ("gemini", "inlineData", False)
    assert json.loads(block.json) == {
        "inlineData": {"mimeType": "video/mp4", "data": "AAAA"},
        "videoMetadata": {"fps": 1},
    }


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            FileData(file_uri="https://example.org/cat.png"),
            Image(Remote("https://example.org/cat.png", "image/png")),
        ),
        (
            FileData(file_uri="https://example.org/x", mime_type="audio/mp3"),
            Audio(Remote("https://example.org/x", "audio/mp3")),
        ),
        (
            FileData(
                file_uri="https://generativelanguage.googleapis.com/v1beta/files/abc", mime_type="image/png"
            ),
            Image(
                Stored("gemini", "https://generativelanguage.googleapis.com/v1beta/files/abc", "image/png")
            ),
        ),
        (
            FileData(file_uri="gs://bucket/report.pdf", mime_type="application/pdf"),
            Document(Stored("gemini", "gs://bucket/report.pdf", "application/pdf")),
        ),
        (FileData(file_uri="files/abc"), Document(Stored("gemini", "files/abc"))),
    ],
)
def test_a_file_is_remote_only_where_others_can_fetch_it(file: FileData, expected: object) -> None:
    assert media_block(Part(file_data=file)) == expected


@pytest.mark.parametrize("uri", ["https://www.youtube.com/watch?v=x", "https://youtu.be/x"])
def test_a_youtube_link_is_video(uri: str) -> None:
    block = media_block(Part(file_data=FileData(file_uri=uri)))
    assert isinstance(block, Unknown)
    assert block.kind == "fileData"


def test_attributes_ride_along_and_come_back() -> None:
    part = Part(
        inline_data=Blob(mime_type="image/png", data="QQ=="),
        media_resolution=Raw(b'{"level":"MEDIA_RESOLUTION_LOW"}'),
        thought_signature="c2ln",
    )
    block = media_block(part)
    assert isinstance(block, Image)
    assert block.opaque == (
        Opaque("gemini", "mediaResolution", b'{"level":"MEDIA_RESOLUTION_LOW"}'),
        Opaque("gemini", "thoughtSignature", b'"c2ln"'),
    )
    assert json.loads(msgspec.json.encode(attributes(block.opaque))) == {
        "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
        "thoughtSignature": "c2ln",
    }


def test_a_foreign_signature_on_a_picture_is_not_an_attribute() -> None:
    value = packed([Entry(Signature("anthropic", "a", "s"), Kind.THINKING)])
    assert seal(Signature("anthropic", "a", "s"))
    block = media_block(Part(inline_data=Blob(mime_type="image/png", data=""), thought_signature=value))
    assert isinstance(block, Image)
    assert block.opaque == ()


def test_attributes_of_other_formats_are_left_out() -> None:
    assert attributes((Opaque("openai_chat", "x", b"1"),)) == {}


def test_a_url_gets_a_type_in_any_case() -> None:
    encoded = msgspec.json.encode(media_data(Image(Remote("https://example.org/x")), ""))
    assert json.loads(encoded) == {"fileData": {"fileUri": "https://example.org/x", "mimeType": "image/jpeg"}}


def test_a_file_of_another_vendor_is_refused_with_its_path() -> None:
    with pytest.raises(FailureError) as caught:
        media_data(Document(Stored("anthropic", "file_1")), "messages[0].content[1]")
    assert caught.value.failure.param == "messages[0].content[1]"
    assert caught.value.failure.code == "file_id_not_portable"


def test_a_part_without_media_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="without media"):
        media_block(Part(text="x"))
