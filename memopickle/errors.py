"""Every exception that memopickle raises, under one root.

Each class is also the kind of built-in exception that a caller would look for, carries its facts as
attributes, and can be pickled. No message or attribute ever holds a secret.
"""

from __future__ import annotations

__all__ = [
    "BadEntryError",
    "BadPayloadError",
    "BadSignatureError",
    "ConfigurationError",
    "LockTimeoutError",
    "MemopickleError",
    "SecretError",
    "StoreError",
    "UnkeyableError",
    "UnknownFormatError",
]

#: The page about objects that can't be pickled, and so neither stored nor keyed.
UNPICKLABLE = "docs/how-to/unpicklable.md"


class MemopickleError(Exception):
    """The root of all exceptions of this library."""


class ConfigurationError(MemopickleError, ValueError):
    """An option has a value that it cannot have; raised when decorating or when opening."""


class SecretError(MemopickleError):
    """The signing secret is missing, too short, or kept where others could read or change it."""


class UnavailableError(MemopickleError):
    """What memopickle chose for the user (a place for the secret or the cache) cannot be had.

    Internal: it becomes one warning, and calls that are not cached. What the user named raises its own error.
    """


class UnkeyableError(MemopickleError, TypeError):
    """An argument has no key that would be the same in another process.

    Attributes:
        type_name: the type that cannot be keyed, with its module.
        path: where it was found, such as ``job.config.lock`` or ``items[3]``; ``""`` if it is the value itself.
        reason: why it cannot be keyed, one clause; may be empty.

    """

    def __init__(self, type_name: str, path: str = "", reason: str = "") -> None:
        super().__init__(type_name, path, reason)
        self.type_name = type_name
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        what = f"cannot make a cache key of {self.path or 'this value'} (a {self.type_name})"
        why = f": {self.reason}" if self.reason else ""
        parameter = self.path.partition(".")[0].partition("[")[0]
        leave_out = f"leave it out with ignore=({parameter!r},)" if parameter else "leave it out with ignore="
        return f"{what}{why}; {leave_out}, or say what identifies the call with key=; see {UNPICKLABLE}"


class StoreError(MemopickleError):
    """A store could not be opened, read or written.

    Attributes:
        message: what happened, without the place.
        place: the path or URL concerned, without credentials; may be empty.

    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message, place)
        self.message = message
        self.place = place

    def __str__(self) -> str:
        return f"{self.message}: {self.place}" if self.place else self.message


class LockTimeoutError(StoreError, TimeoutError):
    """Another computation of the same key did not end within ``lock_timeout`` seconds."""


class BadEntryError(StoreError):
    """Stored bytes are not an entry that this cache may use."""


class BadSignatureError(BadEntryError):
    """The signature does not belong to these bytes under this key, or was made with a secret we don't have."""


class BadPayloadError(BadEntryError):
    """The signature is good but the payload cannot be turned back into a value."""


class UnknownFormatError(BadEntryError):
    """The bytes are not an entry, or one of a format that this version does not read."""
