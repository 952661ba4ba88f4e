"""What is known of a snapshot without unpickling it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from memopickle.errors import ConfigurationError, UnknownFormatError
from memopickle.expiry import SECOND
from memopickle.header import read_header, read_metadata

if TYPE_CHECKING:
    from memopickle.typed import Blob

__all__ = ["SnapshotInfo", "describe_state", "info_of"]


class SnapshotInfo(NamedTuple):
    """One saved snapshot. What a snapshot that is not good says of itself may be wrong or missing.

    Attributes:
        name: the one it was saved under.
        key: the store key; those of a later snapshot of the same name are greater.
        time: when it was saved, seconds since the epoch; None if that can't be read.
        size: bytes in the store.
        version: that of the program that saved it; None if it can't be read.
        metadata: what was given to ``save`` beside the state.
        good: whether its signature was verified; None where nobody looked.
        reason: why it is not good, else ``""``.

    """

    name: str
    key: str
    time: float | None
    size: int
    version: int | str | None
    metadata: dict[str, Any]
    good: bool | None
    reason: str = ""


def describe_state(
    name: str, namespace: str, serializer: str, version: int | str, metadata: dict[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Return an entry's metadata, and what the user's part of it will read as; ConfigurationError."""
    for key, value in metadata.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"metadata {key}={value!r}: give what JSON can hold ({error})") from error
    told = {"snapshot": name, "namespace": namespace, "serializer": serializer, "version": version}
    text = json.dumps({**told, "metadata": metadata}, separators=(",", ":"))
    return text.encode(), json.loads(text)["metadata"]


def info_of(name: str, key: str, head: Blob, size: int, good: bool | None, reason: str = "") -> SnapshotInfo:
    """Return what the beginning of an entry says."""
    told = read_metadata(head)
    version, metadata = told.get("version"), told.get("metadata")
    return SnapshotInfo(
        name or str(told.get("snapshot", "")),
        key,
        _time(head),
        size,
        version if isinstance(version, int | str) else None,
        metadata if isinstance(metadata, dict) else {},
        good,
        reason,
    )


def _time(head: Blob) -> float | None:
    try:
        return read_header(head).created / SECOND
    except UnknownFormatError:
        return None
