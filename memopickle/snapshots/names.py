"""Store keys of snapshots: ``name/sequence and random.variant``, in the form of all store keys.

The first 8 digits of the name part are those of the namespace, which are other than those of a cache's. The sequence
number grows with each snapshot of a name, so that the order of the keys is that of saving, whatever clocks say; the
random digits keep apart what two processes save at once where no lock can be had.
"""

from __future__ import annotations

import os

from blake3 import blake3

from memopickle.errors import ConfigurationError
from memopickle.signing import frame
from memopickle.storekey import FUNCTION_SIZE, NAMESPACE_SIZE, join

__all__ = ["check_name", "lock_key", "name_part", "namespace_digits", "new_key", "next_sequence", "sequence_of"]

_SEQUENCE_SIZE = 16
_RANDOM = 24
#: The same for all: what program saved a snapshot, and how, is told by the entry, and does not hide it from another.
_VARIANT = blake3(b"memopickle snapshot variant 1").hexdigest(8)
#: No program saves as often; what claims more was made by hand, and must not use the numbers up.
_LAST = 1 << 62


def check_name(name: object) -> str:
    """Return a name; ConfigurationError if it is none."""
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"name={name!r}: give the snapshot's name as text that is not empty")
    return name


def namespace_digits(namespace: str) -> str:
    """Return what the keys of all snapshots of a namespace begin with."""
    return _hex("namespace", NAMESPACE_SIZE, namespace)


def name_part(namespace: str, name: str) -> str:
    """Return what the keys of all snapshots of a name begin with."""
    return namespace_digits(namespace) + _hex("name", FUNCTION_SIZE - NAMESPACE_SIZE, namespace, name)


def new_key(part: str, sequence: int) -> str:
    """Return a key for the snapshot of this number."""
    return join(part, f"{sequence:0{_SEQUENCE_SIZE}x}{os.urandom(_RANDOM).hex()}", _VARIANT)


def sequence_of(key: str) -> int:
    """Return the number of a snapshot, which grows from one of its name to the next."""
    return int(key[FUNCTION_SIZE + 1 :][:_SEQUENCE_SIZE], 16)


def next_sequence(keys: list[str]) -> int:
    """Return the number after those of the given keys of one name."""
    return 1 + max((number for number in map(sequence_of, keys) if number < _LAST), default=0)


def lock_key(part: str) -> str:
    """Return the key whose lock is that of a name; no snapshot has it."""
    return join(part, "0" * (_SEQUENCE_SIZE + 2 * _RANDOM), _VARIANT)


def _hex(what: str, digits: int, *parts: str) -> str:
    texts = (part.encode("utf-8", "surrogatepass") for part in parts)
    return blake3(frame(f"memopickle snapshot {what} 1".encode(), *texts)).hexdigest(digits // 2)
