"""Profiles as the configuration has them: `[models."PATTERN"]`."""

from dragoman.config.settings import Settings
from dragoman.config.validation import convert_section
from dragoman.models.profile import UNKNOWN, Profile, Profiles


def build_profiles(settings: Settings) -> Profiles:
    """The profiles that a gateway with these settings works with.

    Raises `ConfigError` for the first field that no profile has, or value that does not fit it.
    """
    overrides: dict[str, dict[str, object]] = {}
    for pattern, given in settings.models.items():
        path = ("models", pattern)
        if not pattern.strip():
            raise settings.source.error(
                path, "a pattern needs a name", 'write it as [models."name-*"], with the upstream model name'
            )
        table = {"family": UNKNOWN.family, **given}
        checked = convert_section(table, Profile, path, settings.source)
        overrides[pattern] = {name: getattr(checked, name) for name in given}
    return Profiles(overrides)
