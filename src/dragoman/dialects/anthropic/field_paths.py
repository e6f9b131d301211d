"""Where the settings lie in a request of this format, by their names in Chat Completions."""

FIELD_PATHS = {
    "$.stop": "$.stop_sequences",
    "$.reasoning": "$.thinking",
    "$.reasoning_effort": "$.output_config.effort",
    "$.response_format": "$.output_config.format",
    "$.response_format.json_schema": "$.output_config.format",
    "$.response_format.json_schema.schema": "$.output_config.format.schema",
    "$.tools[*].function": "$.tools[*]",
    "$.tools[*].function.parameters": "$.tools[*].input_schema",
    "$.tool_choice": "$.tool_choice",
    "$.parallel_tool_calls": "$.tool_choice.disable_parallel_tool_use",
    "$.user": "$.metadata.user_id",
}
