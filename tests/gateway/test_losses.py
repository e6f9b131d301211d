"""What is lost is said in the client's words, or is a reason to refuse."""

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.loss import approximated, dropped, emulated
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING
from dragoman.gateway.losses import check_losses, localized

PATHS = {
    "$.max_tokens": "$.generationConfig.maxOutputTokens",
    "$.tools": "$.tools[0].functionDeclarations",
    "$.tools.x": "$.elsewhere",
    "$.tools[*].function.parameters": "$.tools[0].functionDeclarations[*].parametersJsonSchema",
    "$.a[*].b[*]": "$.z[*].y[*].x",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.max_tokens", "$.generationConfig.maxOutputTokens"),
        ("$.tools[2].function", "$.tools[0].functionDeclarations[2].function"),
        (
            "$.tools[12].function.parameters.properties.x",
            "$.tools[0].functionDeclarations[12].parametersJsonSchema.properties.x",
        ),
        ("$.tools[1].function.parameters_too", "$.tools[0].functionDeclarations[1].function.parameters_too"),
        ("$.a[3].b[*].c", "$.z[3].y[*].x.c"),
        ("$.a[3].c", "$.a[3].c"),
        ("$.tools.x.y", "$.elsewhere.y"),
        ("$.max_tokens_of_another", "$.max_tokens_of_another"),
        ("$.contents[1].parts[0]", "$.contents[1].parts[0]"),
    ],
)
def test_a_path_lies_where_the_client_has_put_it(path: str, expected: str) -> None:
    (loss,) = localized((dropped(path, "code", "detail"),), PATHS)
    assert (loss.path, loss.code, loss.detail) == (expected, "code", "detail")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((), "$.max_completion_tokens"),
        (("max_completion_tokens",), "$.max_completion_tokens"),
        (("max_tokens",), "$.max_tokens"),
        (("max_tokens", "max_completion_tokens"), "$.max_completion_tokens"),
    ],
)
def test_of_two_names_the_one_that_the_client_used_is_said(fields: tuple[str, ...], expected: str) -> None:
    paths = {"$.max_tokens": "$.max_completion_tokens"}
    (loss,) = localized((dropped("$.max_tokens", "max_tokens"),), paths, fields)
    assert loss.path == expected


def test_what_is_lost_in_several_places_alike_is_said_once() -> None:
    lost = dropped("$..cache_control", "cache_control")
    assert localized((lost, dropped("$.top_k", "top_k"), lost), {}) == (lost, dropped("$.top_k", "top_k"))


def test_a_strict_request_is_refused_with_all_that_would_be_lost() -> None:
    losses = (
        emulated("$.n", "n"),
        dropped("$.top_k", "top_k", "no such field there"),
        approximated("$.temperature", "temperature"),
    )
    with pytest.raises(FailureError) as caught:
        check_losses(losses)
    failure = caught.value.failure
    assert (failure.kind, failure.param, failure.code) == (FailureKind.INVALID_REQUEST, "top_k", "losses")
    assert "$.top_k would be dropped (top_k: no such field there)" in failure.message
    assert "$.temperature would be approximated" in failure.message
    assert "$.n " not in failure.message


def test_reasoning_of_another_vendor_is_no_reason_to_refuse() -> None:
    check_losses((FOREIGN_REASONING,))
    with pytest.raises(FailureError) as caught:
        check_losses((FOREIGN_REASONING, dropped("$.top_k", "top_k")))
    assert "foreign_reasoning" not in caught.value.failure.message


def test_what_the_gateway_does_itself_is_no_loss() -> None:
    check_losses((emulated("$.n", "n"), emulated("$.stop", "stop")))


def test_a_long_list_of_losses_ends_in_how_many_there_are_besides() -> None:
    with pytest.raises(FailureError, match="; 5 more"):
        check_losses(tuple(dropped(f"$.x{number}", "x") for number in range(25)))
