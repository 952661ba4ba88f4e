"""Exceptions worth remembering: what of them is stored, and how they are made again."""

from __future__ import annotations

from memopickle.typed import Any  # noqa: TC001  loaded all the same

__all__ = ["Failure", "freeze", "thaw"]

#: Causes and contexts further down are left out.
_DEEPEST = 8


class Failure:
    """Stands, between looking up and the caller, for a stored exception that is to be raised."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error: Exception = error


def freeze(error: BaseException, depth: int = 0) -> dict[str, Any]:
    """Return what is to be pickled: the exception (its class, arguments, attributes and notes) and its cause.

    Tracebacks are left out: they hold the frames, with all that the function had in its hands.
    """
    cause = None
    if error.__cause__ is not None and depth < _DEEPEST:
        cause = freeze(error.__cause__, depth + 1)
    return {"error": error, "cause": cause, "quiet": error.__suppress_context__}


def thaw(frozen: dict[str, Any]) -> Exception:
    """Return the exception, a new one where ``frozen`` was just unpickled, without a traceback.

    Raises TypeError, KeyError where this is not what ``freeze`` returned.
    """
    error = frozen["error"]
    if not isinstance(error, BaseException):
        raise TypeError(f"a stored exception is a {type(error).__name__}")
    error.__cause__ = None if frozen["cause"] is None else thaw(frozen["cause"])
    error.__suppress_context__ = bool(frozen["quiet"])
    error.__traceback__ = None
    return error  # type: ignore[return-value]  # the outermost is an Exception, as only those are stored
