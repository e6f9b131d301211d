"""When a process that serves looks for garbage: seldom, and never among what it will keep until its end."""

import gc

_YOUNG = 20_000
"""So many more objects than before have to be there for the young ones to be looked at. A request that is
answered leaves none behind; what is asked at the moment is a few hundred for each request."""
_OLDER, _OLD = 10, 10
"""The older ones are looked at every tenth time, and of these times every tenth with the oldest."""


def settle() -> None:
    """Take what is there now for what stays: modules, configuration, tables of routes. No later search looks
    at it, and processes that are forked from this one go on sharing its memory with it.

    Left to itself, Python would look through all of that again and again, for an eighth of the time that a
    busy gateway has.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _OLD)
