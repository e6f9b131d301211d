"""JSON Schemas brought into the form that a target takes, and nothing but schemas.

One module for each form: `openai_plain`, `openai_strict`, `anthropic_tool`, `anthropic_strict`,
`google_json`, `google_openapi`; `wrapping` puts a schema that is no object into one property. All are
pure functions from JSON text to JSON text. What the target accepts is never touched: order and number
text survive, and so does everything that only looks like a schema (names of properties, values of
`enum`, `const`, `default` and `examples`). A constraint that a target cannot take moves into the
`description`, in words, and into the losses as `schema_relaxed` with its own JSON path.
"""
