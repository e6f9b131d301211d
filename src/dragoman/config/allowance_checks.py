"""What cannot be meant about limits, budgets and keys, wherever they are kept."""

import difflib
import unicodedata
import zoneinfo
from collections.abc import Callable

from dragoman.config.allowance import BudgetSettings, KeyRules, LimitSettings, Rules
from dragoman.config.source import KeyPath, quoted

Complaint = Callable[[KeyPath, str, str], Exception]
"""Makes the error about the value at a path out of what is wrong there and what to do."""

_LONGEST = 200
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of Unicode that could break or forge a line of a log: controls, marks that reorder text, halves
of characters, ends of lines."""
_MACHINES_OWN = {"localtime", "posixrules", "Factory"}
"""What some systems have among their time zones, and every machine may take for something else."""


def check_rules(rules: Rules, path: KeyPath, error: Complaint) -> None:
    """Raise what `error` makes for the first rule that cannot be meant so."""
    for index, limit in enumerate(rules.limits):
        _check_limit(limit, (*path, "limits", index), error)
    seen: set[str] = set()
    for index, budget in enumerate(rules.budgets):
        place: KeyPath = (*path, "budgets", index)
        if budget.per in seen:
            remedy = "keep one of the two"
            raise error(place, f'there is a budget for per = "{budget.per}" already', remedy)
        seen.add(budget.per)
        _check_zone(budget, (*place, "zone"), error)
    if isinstance(rules, KeyRules):
        for field, words in (("tags", rules.tags), ("routes", rules.routes)):
            for index, word in enumerate(words):
                check_text(word, (*path, field, index), error)


def check_text(text: str, path: KeyPath, error: Complaint, *, empty: bool = False) -> None:
    """Raise what `error` makes for a name that cannot stand in a list or a log; `empty` allows none."""
    if not text.strip() and not empty:
        raise error(path, "the text is empty", "write letters or digits")
    if len(text) > _LONGEST:
        raise error(path, f"the text is {len(text)} characters long", f"write at most {_LONGEST}")
    if any(unicodedata.category(character) in _INVISIBLE for character in text):
        remedy = "write it on one line, with characters that can be seen"
        raise error(path, "the text has a character in it that cannot be seen", remedy)
    if text != text.strip():
        raise error(path, "the text begins or ends with a space", "write it without")


def _check_limit(limit: LimitSettings, path: KeyPath, error: Complaint) -> None:
    said = [name for name in ("requests", "tokens", "cost") if getattr(limit, name) is not None]
    if not said:
        problem = "nothing is limited"
        raise error(path, problem, "write requests, tokens or cost, such as { requests = 100 }")
    if len(said) > 1:
        problem = f"{' and '.join(said)} stand in one limit"
        raise error(path, problem, "write one limit for each of them")


def _check_zone(budget: BudgetSettings, path: KeyPath, error: Complaint) -> None:
    if budget.zone == "UTC":
        return
    try:
        known = zoneinfo.ZoneInfo(budget.zone).key not in _MACHINES_OWN
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        places = sorted(name for name in zoneinfo.available_timezones() if "/" in name)
        near = difflib.get_close_matches(budget.zone, places, n=1)
        hint = f"did you mean {quoted(near[0])}?" if near else 'write a name such as "Europe/Berlin"'
        raise error(path, f"there is no time zone {quoted(budget.zone)}", hint)
