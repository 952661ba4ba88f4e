"""What an accident or an attacker may do to a stored file."""

from __future__ import annotations

import os
import pickle
from typing import NamedTuple

from memopickle.header import HEADER, read_header

__all__ = ["KINDS", "Tampering", "hostile_pickle", "load_unverified", "tamper"]

FLIPPED, PICKLE, FORGED = "one byte flipped", "hostile pickle", "forged entry"
#: In this order one entry each is tampered with.
KINDS = (FLIPPED, PICKLE, FORGED)


class Tampering(NamedTuple):
    """What was done to the entry of which module, and the file it lies in."""

    kind: str
    module: str
    place: str


class _Hostile:
    """Unpickling it runs code; here code that leaves a file behind."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return exec, (f"import pathlib; pathlib.Path({self._marker!r}).touch()",)


def hostile_pickle(marker: str) -> bytes:
    """Return a pickle whose loading creates the file ``marker``."""
    return pickle.dumps(_Hostile(marker))


def load_unverified(path: str) -> None:
    """Load a file as a cache without signatures would, in a process of its own."""
    with open(path, "rb") as file:
        pickle.load(file)


def tamper(tampering: Tampering, hostile: bytes) -> None:
    """Do it."""
    with open(tampering.place, "rb") as file:
        entry = file.read()
    changed = {FLIPPED: _flip(entry), PICKLE: hostile, FORGED: _forge(entry, hostile)}
    _replace(tampering.place, changed[tampering.kind])


def _flip(entry: bytes) -> bytes:
    """Flip the lowest bit of the byte in the middle of the pickled result."""
    header = read_header(entry)
    position = HEADER.size + header.metadata_size + header.stream_size // 2
    return entry[:position] + bytes([entry[position] ^ 1]) + entry[position + 1 :]


def _forge(entry: bytes, hostile: bytes) -> bytes:
    """Put the hostile pickle in the result's place and leave all else, corrected lengths included, in order."""
    header = read_header(entry)
    begin = HEADER.size + header.metadata_size
    end = begin + header.stream_size
    head = HEADER.pack(*header._replace(stream_size=len(hostile), raw_stream_size=len(hostile)))
    return head + entry[HEADER.size : begin] + hostile + entry[end:]


def _replace(path: str, content: bytes) -> None:
    beside = f"{path}.planted"
    with open(beside, "wb") as file:
        file.write(content)
    os.replace(beside, path)
