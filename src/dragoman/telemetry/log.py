"""Logs: structured entries on standard error, for people or for machines, secrets taken out.

Entries of other libraries, which use the standard `logging`, go the same way.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from dragoman.config.settings import Log
from dragoman.telemetry.redaction import Redactor

_ENCODER = json.JSONEncoder(default=repr)


def configure_logging(log: Log, secrets: Iterable[str], stream: TextIO | None = None) -> Redactor:
    """Set up all logging of the process, to standard error unless another stream is given.

    `secrets` are values that must never be seen; the redactor that is given back knows them. Other
    libraries are heard from warnings on. A library that sets up handlers of its own (uvicorn does,
    unless `log_config` is None) goes past this.
    """
    out = stream or sys.stderr
    level = logging.getLevelNamesMapping()[log.level.upper()]
    redactor = Redactor(secrets)
    render = _rendering(json_line if log.format == "json" else console_line, redactor)
    steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*steps, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *steps],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    return redactor


def _rendering(line: Callable[[EventDict], str], redactor: Redactor) -> Callable[..., str]:
    def render(_logger: WrappedLogger, _method: str, entry: EventDict) -> str:
        # only here is everything text, whatever an entry held: nothing gets past
        return redactor.text(line(entry))

    return render


def json_line(entry: EventDict) -> str:
    """An entry as one line of JSON. Values that JSON does not have stand as their `repr`."""
    try:
        return _ENCODER.encode(entry)
    except (TypeError, ValueError, RecursionError):
        # a log call must not fail, whatever it was given: odd keys, values that contain themselves
        return json.dumps({"event": str(entry.get("event")), "entry": repr(entry)})


def console_line(entry: EventDict) -> str:
    """An entry as `time level event key=value ...`, and its traceback on lines of its own."""
    rest = dict(entry)
    time = str(rest.pop("timestamp", ""))[11:19]
    level = str(rest.pop("level", "")).upper()
    event = _one_line(str(rest.pop("event", "")))
    traceback = rest.pop("exception", None)
    pairs = "".join(f" {key}={_value(value)}" for key, value in rest.items())
    line = f"{time} {level:<7} {event}{pairs}"
    return line if traceback is None else f"{line}\n{traceback}"


def _value(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if text.isprintable() and text and " " not in text and '"' not in text else json.dumps(text)


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]
