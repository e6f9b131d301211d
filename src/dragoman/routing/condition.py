"""Whether a request meets the conditions of a target, and if not, which one fails, in words."""

from dragoman.config.settings import Conditions
from dragoman.routing.needs import Needs


def unmet(when: Conditions, needs: Needs) -> str:
    """The conditions that a request does not meet, each with what is the case; empty if all hold.

    Input tokens are an estimate, and are called one.
    """
    reasons = [
        f"when.{name} = {'true' if wanted else 'false'}, but the request {has if given else has_not}"
        for name, wanted, given, has, has_not in (
            ("tools", when.tools, needs.tools, "has tools", "has no tools"),
            ("images", when.images, needs.images, "has pictures", "has no pictures"),
            (
                "json_schema",
                when.json_schema,
                needs.json_schema,
                "wants an answer that keeps a JSON Schema",
                "wants no answer that keeps a JSON Schema",
            ),
            ("stream", when.stream, needs.stream, "wants a stream", "wants a whole answer"),
        )
        if wanted is not None and wanted is not given
    ]
    least, most = when.min_input_tokens, when.max_input_tokens
    if least is not None and needs.input_tokens < least:
        reasons.append(f"when.min_input_tokens = {least}, but the prompt has about {needs.input_tokens}")
    if most is not None and needs.input_tokens > most:
        reasons.append(f"when.max_input_tokens = {most}, but the prompt has about {needs.input_tokens}")
    if when.tags and needs.tags.isdisjoint(when.tags):
        wanted_tags = ", ".join(f'"{tag}"' for tag in when.tags)
        reasons.append(f"when.tags = [{wanted_tags}], but the client's key has none of these")
    return "; ".join(reasons)
