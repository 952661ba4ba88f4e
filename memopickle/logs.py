"""Every decision in one line, for ``logging.getLogger("memopickle")`` at level DEBUG.

A program that never imported ``logging`` never set it up, so nothing is imported for it here.
"""

from __future__ import annotations

import sys

from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.events import Event

__all__ = ["is_on", "log", "log_event"]

_LEVEL = 10  # logging.DEBUG
_logger: Any = None
#: Guards against a log handler that calls a cached function, and tells of one that fails.
_teller: Any = None
_WORDS = {"BadEntry": "refused", "LockWait": "waited for"}


def is_on() -> bool:
    """Tell whether somebody listens at level DEBUG."""
    logger = _logger or _find_logger()
    return logger is not None and bool(logger.isEnabledFor(_LEVEL))


def _find_logger() -> Any:
    global _logger  # noqa: PLW0603
    logging: Any = sys.modules.get("logging")
    try:
        _logger = logging and logging.getLogger("memopickle")
    except AttributeError:  # another thread is just importing it
        return None
    return _logger


def log_event(event: Event) -> None:
    """Log what an event says, if somebody listens. Never raises, and logs nothing that logging itself causes."""
    if is_on():
        _tell(event)


def log(line: Callable[[], str]) -> None:
    """Log a line, made only if somebody listens. Never raises."""
    if is_on():
        _tell(line)


def _write(told: Event | Callable[[], str]) -> None:
    import logging

    logging.getLogger("memopickle").debug("%s", told() if callable(told) else _sentence(told))


def _sentence(event: Event) -> str:
    kind = type(event).__name__
    facts = event._asdict()
    what, key = facts.pop("function", ""), facts.pop("key", "")
    reason = facts.pop("reason", "")
    parts = [f"{name} {_text(value)}" for name, value in facts.items()]
    line = " ".join(filter(None, (_words(kind), what, key and f"[{key}]")))
    return line + ": " * bool(reason or parts) + ", ".join([*filter(None, [_text(reason)]), *parts])


def _words(kind: str) -> str:
    import re  # for those who read the log

    return _WORDS.get(kind) or re.sub("(?<=.)(?=[A-Z])", " ", kind).lower()


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if text.isprintable() else ascii(text)  # one line, and nothing that a terminal obeys


def _tell(told: Event | Callable[[], str]) -> None:
    global _teller  # noqa: PLW0603
    if _teller is None:
        from memopickle.events import teller  # where somebody listens

        _teller = teller(_write)
    _teller(told)
