"""What metrics and health tell of the store, the ledger's journal, budgets and limits."""

import msgspec


class BackingState(msgspec.Struct, frozen=True):
    """How what a gateway stands on is at this moment, in one process."""

    store_usable: bool = True
    """Whether the store could be used when that was last tried."""
    coordination_degraded: bool = False
    """Whether limits are counted with fewer others than they should be."""
    journal_unread_bytes: int = 0
    """What is written into the journal and not yet in the store."""
    journal_unread_since: float | None = None
    """When the oldest of it was written, in Unix seconds."""
    rows_written: int = 0
    """Requests that this process has brought to the ledger since it began."""
    entries_dropped: int = 0
    """Entries since then that could not be written down."""
    entries_rejected: int = 0
    """Entries since then that the store does not take."""
    leased_nanos: int = 0
    """Nano-dollars of budgets that this process holds."""
    reserved_nanos: int = 0
    """Nano-dollars of budgets that are set aside for requests on their way."""
