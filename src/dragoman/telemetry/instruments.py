"""Everything that is measured: names, labels and what they mean. `docs/metrics.md` tells users the same.

What clients choose freely never becomes a label: every label's values are words of this program or of the
configuration.
"""

from typing import Literal, NamedTuple

OTHER = "other"
"""Stands for all routes, and for all models of a provider, that the configuration does not name."""


class Instrument(NamedTuple):
    """One metric. `buckets` are the upper bounds of a histogram's. `shared` says what becomes of a gauge's
    values from several worker processes.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    shared: Literal["livesum", "livemin", "livemax", "max"] = "livesum"


_DURATION = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
_FIRST_TOKEN = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120)
_BETWEEN_TOKENS = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1)
_OWN = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
_WAIT = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_TARGET = ("provider", "model")
_CREDENTIAL = ("provider", "model", "credential")

REQUESTS = Instrument(
    "dragoman_requests_total",
    "counter",
    "Requests that have ended, by how they ended: answered, failed, left (the client did not wait).",
    ("route", "dialect", "purpose", "stream", "outcome"),
)
REQUEST_DURATION = Instrument(
    "dragoman_request_duration_seconds",
    "histogram",
    "Time from a request's first byte to the last byte of its answer.",
    ("route", "purpose", "stream"),
    _DURATION,
)
OWN_DURATION = Instrument(
    "dragoman_own_duration_seconds",
    "histogram",
    "Time of a request outside of its upstream requests and of waiting: reading, planning, writing.",
    ("plan",),
    _OWN,
)
WAIT = Instrument(
    "dragoman_request_wait_seconds",
    "histogram",
    "Time that a request waited for a place of its key and between attempts, where it did.",
    ("route",),
    _WAIT,
)
ERRORS = Instrument(
    "dragoman_errors_total",
    "counter",
    "Requests that ended with an error, by the kind of the error.",
    ("route", "dialect", "kind"),
)
REFUSALS = Instrument(
    "dragoman_refusals_total",
    "counter",
    "Requests that were refused before they were read: without a valid key, too large, to no endpoint.",
    ("kind",),
)
TOKENS = Instrument(
    "dragoman_tokens_total",
    "counter",
    "Tokens of all attempts: input (not cached), output, cache_read, cache_write; reasoning (in output).",
    ("route", "provider", "model", "kind"),
)
COST = Instrument(
    "dragoman_cost_dollars_total",
    "counter",
    "What all attempts cost, in US dollars, as far as prices are known.",
    ("route", "provider", "model"),
)
UNPRICED = Instrument(
    "dragoman_unpriced_attempts_total",
    "counter",
    "Attempts that used something whose price is not known.",
    _TARGET,
)
ESTIMATED = Instrument(
    "dragoman_estimated_attempts_total",
    "counter",
    "Attempts whose usage is estimated, at least in part, because their upstream has not told all of it.",
    _TARGET,
)
LIMITED = Instrument(
    "dragoman_limited_requests_total",
    "counter",
    "Requests that were refused because a limit or a budget of their key, its team or the route was reached.",
    ("route", "holder", "limit"),
)
CACHE = Instrument(
    "dragoman_cache_lookups_total",
    "counter",
    "Requests whose answer was looked for among those that are kept, by whether it was there: hit, miss.",
    ("route", "result"),
)
ATTEMPTS = Instrument(
    "dragoman_attempts_total",
    "counter",
    "Upstream requests that have ended: answered, failed, lost (another was quicker), abandoned.",
    (*_CREDENTIAL, "outcome", "failure"),
)
HEDGES = Instrument(
    "dragoman_hedges_total",
    "counter",
    "Second upstream requests beside a slow one, by how they ended.",
    ("route", "outcome"),
)
RETRIES = Instrument(
    "dragoman_retries_total",
    "counter",
    "Upstream requests after one that failed, to the same target or to another.",
    ("route", "to"),
)
SKIPPED = Instrument(
    "dragoman_skipped_targets_total",
    "counter",
    "Times that a target was not asked: its conditions did not hold, or it was resting or full.",
    ("route", "provider", "model"),
)
FIRST_TOKEN = Instrument(
    "dragoman_time_to_first_token_seconds",
    "histogram",
    "Time from sending a request upstream to the first piece of the answer itself; whole ones: to the head.",
    (*_TARGET, "stream"),
    _FIRST_TOKEN,
)
BETWEEN_TOKENS = Instrument(
    "dragoman_time_between_tokens_seconds",
    "histogram",
    "Mean time between two tokens of a streamed answer, reasoning included.",
    _TARGET,
    _BETWEEN_TOKENS,
)
UPSTREAM_DURATION = Instrument(
    "dragoman_upstream_duration_seconds",
    "histogram",
    "Time from sending a request upstream to the end of its answer, for those that answered.",
    (*_TARGET, "stream"),
    _DURATION,
)
QUEUE_WAIT = Instrument(
    "dragoman_queue_wait_seconds",
    "histogram",
    "Time that an attempt waited for a free place at its target, those that did not wait included.",
    _TARGET,
    _WAIT,
)
IN_FLIGHT = Instrument(
    "dragoman_target_in_flight", "gauge", "Upstream requests on their way right now.", _CREDENTIAL
)
WAITING = Instrument(
    "dragoman_target_waiting", "gauge", "Requests that wait for a free place right now.", _CREDENTIAL
)
STATE = Instrument(
    "dragoman_target_state",
    "gauge",
    "In how many workers a target is in this state: healthy, resting, probing, limited.",
    (*_CREDENTIAL, "state"),
)
PLACES = Instrument(
    "dragoman_places_in_use",
    "gauge",
    "Places taken right now, of those that limits count: targets' and keys'.",
)
QUEUED = Instrument(
    "dragoman_queue_length", "gauge", "Requests that wait for a place right now, at all limits."
)
STORE = Instrument(
    "dragoman_store_usable",
    "gauge",
    "1 if the store could be used when that was last tried, in every worker; else 0: traffic goes on then.",
    shared="livemin",
)
COORDINATION = Instrument(
    "dragoman_coordination_degraded",
    "gauge",
    "Workers that count limits by themselves, because they cannot reach those that they should count with.",
)
JOURNAL = Instrument(
    "dragoman_journal_unread_bytes",
    "gauge",
    "What is written into the ledger's journals and not yet in the store.",
)
JOURNAL_AGE = Instrument(
    "dragoman_journal_oldest_entry_age_seconds",
    "gauge",
    "How long the oldest entry of a journal has waited for the store; of the worker where that is longest.",
    shared="livemax",
)
ROWS = Instrument("dragoman_ledger_rows_total", "counter", "Requests that were written into the ledger.")
LOST = Instrument(
    "dragoman_ledger_lost_entries_total",
    "counter",
    "Entries that are not in the ledger: dropped (no room in the journal), rejected (put aside: not taken).",
    ("reason",),
)
LEASED = Instrument(
    "dragoman_budget_leased_dollars",
    "gauge",
    "US dollars of budgets that are lent to processes, for requests that are on their way or may come.",
)
RESERVED = Instrument(
    "dragoman_budget_reserved_dollars",
    "gauge",
    "US dollars of budgets that are set aside for requests on their way, in each budget that they count for.",
)
WORKERS = Instrument("dragoman_workers", "gauge", "Worker processes that are alive.")
BUILD = Instrument(
    "dragoman_build_info", "gauge", "Always 1; the version that runs.", ("version",), shared="max"
)
RELOADS = Instrument(
    "dragoman_config_reloads_total",
    "counter",
    "Times that the configuration was read again, in each worker: success or failure.",
    ("result",),
)
RELOADED = Instrument(
    "dragoman_config_last_reload_successful",
    "gauge",
    "1 if the configuration could be used when it was last read, in every worker; else 0.",
    shared="livemin",
)
RELOADED_AT = Instrument(
    "dragoman_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the running configuration was read, in Unix time; of the worker where that is longest ago.",
    shared="livemin",
)

INSTRUMENTS = (
    *(REQUESTS, REQUEST_DURATION, OWN_DURATION, WAIT, ERRORS, REFUSALS, TOKENS, COST, UNPRICED),
    *(ESTIMATED, LIMITED, CACHE),
    *(ATTEMPTS, HEDGES, RETRIES, SKIPPED, FIRST_TOKEN, BETWEEN_TOKENS, UPSTREAM_DURATION, QUEUE_WAIT),
    *(IN_FLIGHT, WAITING, STATE, PLACES, QUEUED, STORE, COORDINATION, JOURNAL, JOURNAL_AGE, ROWS, LOST),
    *(LEASED, RESERVED, WORKERS, BUILD, RELOADS, RELOADED, RELOADED_AT),
)
