"""Fields that a host refuses: left out, and reported by what the client knows them as."""

from collections.abc import Mapping

from dragoman.conversation.loss import Loss, dropped


def rejected_field(field: str, paths: Mapping[str, str], provider: str) -> Loss:
    """The loss of a top-level field that a provider refuses.

    `paths` says where the settings lie in the format that the request is written in, by their names in
    Chat Completions: the loss is told in these.
    """
    path = _concept(f"$.{field}", paths)
    return dropped(path, path.removeprefix("$."), f"{provider} refuses this field")


def _concept(own: str, paths: Mapping[str, str]) -> str:
    whole = (concept for concept, path in paths.items() if path == own)
    part = (concept for concept, path in paths.items() if path.startswith(own + "."))
    return next(whole, None) or next(part, own)
