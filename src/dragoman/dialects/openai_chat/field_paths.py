"""Where the settings lie in a request of this format, where that is not under the name that losses have."""

FIELD_PATHS = {
    "$.max_tokens": "$.max_completion_tokens",
    "$.reasoning": "$.reasoning_effort",
}
