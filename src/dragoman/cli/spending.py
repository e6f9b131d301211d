"""What was spent of budgets, as the store has it."""

import time
from collections.abc import Sequence

from dragoman.access.holder import Holder, build_budgets
from dragoman.access.period import span_of
from dragoman.access.pocket import account_of
from dragoman.config.allowance import BudgetSettings
from dragoman.store.keys import StoredKey, StoredTeam
from dragoman.store.opening import SharedDatabase


async def spent_of_keys(
    database: SharedDatabase, keys: Sequence[StoredKey]
) -> dict[str, dict[BudgetSettings, int]]:
    """By the ids of keys: what they have spent of each budget in its period, in nano-dollars."""
    holders = [(Holder("key", key.id, key.name), key.rules.budgets) for key in keys]
    return await _spent(database, holders)


async def spent_of_teams(
    database: SharedDatabase, teams: Sequence[StoredTeam]
) -> dict[str, dict[BudgetSettings, int]]:
    """The same of teams."""
    holders = [(Holder("team", team.id, team.name), team.rules.budgets) for team in teams]
    return await _spent(database, holders)


async def _spent(
    database: SharedDatabase, holders: Sequence[tuple[Holder, tuple[BudgetSettings, ...]]]
) -> dict[str, dict[BudgetSettings, int]]:
    from dragoman.store.database_leases import DatabaseLeases  # noqa: PLC0415 - slow to import

    now = time.time()
    accounts: dict[str, tuple[str, BudgetSettings]] = {}
    for holder, budgets in holders:
        for settings, budget in zip(budgets, build_budgets(budgets), strict=True):
            span = span_of(budget.per, budget.zone, now)
            accounts[account_of(holder, budget, span.begins, span.ends).id] = (holder.id, settings)
    found: dict[str, dict[BudgetSettings, int]] = {holder.id: {} for holder, _ in holders}
    if accounts:
        for balance in await DatabaseLeases(await database.get()).balances(list(accounts), now):
            its_id, settings = accounts[balance.account]
            found[its_id][settings] = balance.spent
    return found
