"""Where the settings lie in a request of this format, by their names in Chat Completions."""

FIELD_PATHS = {
    "$.messages": "$.input",
    "$.max_tokens": "$.max_output_tokens",
    "$.response_format": "$.text.format",
    "$.response_format.json_schema": "$.text.format",
    "$.messages[*].name": "$.input",
    "$.reasoning": "$.reasoning",
    "$.reasoning_effort": "$.reasoning.effort",
    "$.verbosity": "$.text.verbosity",
    "$.logprobs": "$.top_logprobs",
    "$.tools[*].function": "$.tools[*]",
}
