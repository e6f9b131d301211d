"""What a gateway stands on, in words, as far as it can be told without opening anything: the store, the
secret of virtual keys, coordination and the management API.
"""

from collections.abc import Iterator
from pathlib import Path

from dragoman.access.secret import FILE as SECRET
from dragoman.config.settings import Settings
from dragoman.store.opening import FILE as DATABASE


def backing_in_words(settings: Settings, directory: Path) -> Iterator[str]:
    """For the start: where things are kept and counted, who has budgets, and the management API if it is
    open.
    """
    yield f"store: {directory / DATABASE if settings.store.url is None else 'Postgres (store.url)'}"
    if settings.coordination.url is not None:
        yield "coordination: Valkey (coordination.url)"
    holders = (
        ("key", settings.keys.values()),
        ("team", settings.teams.values()),
        ("route", settings.routes.values()),
    )
    counts = [(kind, sum(1 for one in those if one.budgets)) for kind, those in holders]
    budgets = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts if count]
    if budgets:
        yield f"budgets: of {', '.join(budgets)} of the configuration"
    if settings.auth.admin_key is not None:
        yield "management API: /dragoman/api/ (auth.admin_key)"


def opens_virtual_keys(settings: Settings, directory: Path) -> bool:
    """Whether there is a secret, and so perhaps a virtual key."""
    return settings.auth.secret is not None or (directory / SECRET).exists()


def virtual_keys_in_words(settings: Settings, directory: Path) -> str:
    """With which secret virtual keys are hashed, or how to come by them."""
    if settings.auth.secret is not None:
        return "hashed with auth.secret; 'dragoman keys list' shows them"
    if (directory / SECRET).exists():
        return f"hashed with {directory / SECRET}; 'dragoman keys list' shows them"
    if settings.store.url is None:
        return "none yet; 'dragoman keys create' makes one"
    return "none can be opened without a secret: set auth.secret to that of all gateways on this store"
