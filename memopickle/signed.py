"""pickle's functions over signed values: what another hand wrote, or changed, is refused before it is unpickled.

A signed value is one entry of kind 3 (docs/reference/entry-format.md). What they all take:

- ``secret``: as for :class:`memopickle.Cache`; by default from the environment, else this user's own secret file.
- ``name``: what the value is, signed along: read under another name it is refused.
- ``serializer``: as for :func:`memopickle.cached`; the reader's must be the writer's.
- ``compress``: as for :func:`memopickle.cached`. It need not be told again when reading.
- ``protocol``: of pickle, 0 to 5, by default 5. Below 5 large arrays are copied into the stream.

Those that read raise, before anything is unpickled: UnknownFormatError for what is too short for an entry, or no entry,
or one of another kind (a snapshot, a cached result); BadSignatureError for another or unknown secret, another name, and
whatever was damaged; and BadPayloadError, once all that is verified, if the value can't be made any more. All three are
BadEntryErrors. Safe between threads and processes.
"""

from __future__ import annotations

import os
import pickle
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from memopickle.entrystream import read_entry, write_pieces
from memopickle.errors import BadEntryError, BadSignatureError, ConfigurationError, UnknownFormatError
from memopickle.expiry import microseconds, wall_clock
from memopickle.formats import open_serializer
from memopickle.header import SIGNED, Facts, read_metadata
from memopickle.optionchecks import check_option
from memopickle.pages import LARGE, copied
from memopickle.pickling import PROTOCOL
from memopickle.purpose import Purpose, needed_secrets
from memopickle.replacing import replace_file
from memopickle.serializers import PICKLE
from memopickle.signing import make_signer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memopickle.buffers import Source
    from memopickle.entry import Entry
    from memopickle.entrystream import Readable, Writable
    from memopickle.serializers import Serializer
    from memopickle.signing import Signer
    from memopickle.typed import Blob

    Path = str | os.PathLike[str]

T = TypeVar("T")

__all__ = ["deep_copy", "dump", "dumps", "iter_load", "load", "loads", "size_bytes"]

#: What stands for the key in the signature: a signed value lies under none.
_KEY = "value"


def dumps(
    obj: object, secret: object = None, *, name: str = "", protocol: int | None = None, serializer: Any = "pickle",
    compress: str | None = None,
) -> bytes:  # fmt: skip
    """Return the object as signed bytes. Raises whatever the object's own code raises if it can't be pickled."""
    purpose = _purpose(needed_secrets(secret), _writing(serializer, protocol), name)
    return b"".join(_encoded(purpose, obj, name, compress))


def loads(
    data: bytes | bytearray | memoryview, secret: object = None, *, name: str = "", serializer: Any = "pickle"
) -> Any:
    """Return the object of signed bytes; its arrays share no memory with them."""
    purpose = _purpose(needed_secrets(secret), _serializer(serializer), name)
    return _decoded(purpose, _private(data), name).value()


def dump(
    obj: object, file: Path | Writable, secret: object = None, *, name: str = "", protocol: int | None = None,
    serializer: Any = "pickle", compress: str | None = None, durable: bool = False,
) -> None:  # fmt: skip
    """Write the object to a path, or to a file that is open for writing bytes; nothing is joined or copied for it.

    A path gets a new file of mode 0600, whole or not at all, in place of what is there (a symlink, too);
    ``durable`` flushes it to the disk before. To an open file the object is appended where it stands, so that several
    may follow each other for :func:`iter_load`. Nothing is written if the object can't be pickled.
    """
    purpose = _purpose(needed_secrets(secret), _writing(serializer, protocol), name)
    pieces = _encoded(purpose, obj, name, compress)
    if isinstance(file, str | os.PathLike):
        replace_file(os.fspath(file), pieces, durable=durable)
    else:
        write_pieces(file, pieces)


def load(file: Path | Readable, secret: object = None, *, name: str = "", serializer: Any = "pickle") -> Any:
    """Return the one object in the file at a path, or the next in a file that is open for reading bytes.

    An open file is left behind the object. A file that holds more than one is for :func:`iter_load`.
    """
    purpose = _purpose(needed_secrets(secret), _serializer(serializer), name)
    if not isinstance(file, str | os.PathLike):
        return _next(file, purpose, name, _place(file))
    with _opened(file) as opened:
        found = _next(opened, purpose, name, _place(file))
        if opened.read(1):
            raise BadSignatureError("bytes follow the end of the object; several are read with iter_load", _place(file))
        return found


def iter_load(
    file: Path | Readable, secret: object = None, *, name: str = "", serializer: Any = "pickle"
) -> Iterator[Any]:
    """Iterate over the objects in a file, in the order in which they were dumped; one at a time is in memory.

    A tail that is cut short raises BadSignatureError, once the objects before it were given. Each object is signed by
    itself: that none was removed, repeated or moved is not.
    """
    purpose = _purpose(needed_secrets(secret), _serializer(serializer), name)
    if not isinstance(file, str | os.PathLike):
        yield from _each(file, purpose, name, _place(file))
        return
    with _opened(file) as opened:
        yield from _each(opened, purpose, name, _place(file))


def size_bytes(
    obj: object, *, protocol: int | None = None, serializer: Any = "pickle", compress: str | None = None, name: str = ""
) -> int:
    """Return how many bytes :func:`dumps` would return; without a secret, and without a copy of large arrays."""
    purpose = _purpose([make_signer(bytes(32), "blake3")], _writing(serializer, protocol), name)
    return sum(memoryview(piece).nbytes for piece in _encoded(purpose, obj, name, compress))


def deep_copy(obj: T, *, serializer: Any = "pickle") -> T:
    """Return a copy that shares nothing that could be changed with the object, by pickling it in memory.

    Unlike :func:`copy.deepcopy`, it does what storing and loading does to an object. See docs/how-to/signed-values.md
    for when either is faster. Classes and functions stay the same ones, and read-only arrays read-only.
    """
    chosen = _serializer(serializer)
    pieces, buffers = chosen.encode(obj)
    return cast("T", chosen.decode(b"".join(pieces), [copied(buffer) for buffer in buffers]))


# -- writing -----------------------------------------------------------------------------------------------------------


class _OlderPickle:
    """Writes an older protocol, which every reader reads."""

    name = PICKLE.name

    def __init__(self, protocol: int) -> None:
        self._protocol = protocol

    def encode(self, value: Any) -> tuple[tuple[bytes], tuple[()]]:
        return (pickle.dumps(value, self._protocol),), ()

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview]) -> Any:
        return PICKLE.decode(stream, buffers)


def _writing(serializer: Any, protocol: int | None) -> Serializer:
    chosen = _serializer(serializer)
    if protocol is None or protocol in (-1, PROTOCOL):
        return chosen
    if isinstance(protocol, bool) or not isinstance(protocol, int) or not 0 <= protocol < PROTOCOL:
        raise ConfigurationError(f"protocol={protocol!r}: give a number from 0 to {PROTOCOL}")
    if chosen is not PICKLE:
        raise ConfigurationError(f"protocol={protocol!r} goes with serializer='pickle' only, which has protocols")
    return _OlderPickle(protocol)


def _serializer(given: Any) -> Serializer:
    return open_serializer(check_option("serializer", given))


def _purpose(signers: Sequence[Signer], serializer: Serializer, name: str) -> Purpose:
    if not isinstance(name, str):
        raise ConfigurationError(f"name={name!r}: give text that says what the value is")
    return Purpose("signed", SIGNED, signers, serializer, name)


def _encoded(purpose: Purpose, obj: object, name: str, compress: str | None) -> list[Blob]:
    facts = Facts(microseconds(wall_clock), metadata=_described(name, purpose.serializer), kind=SIGNED)
    return purpose.encode(_KEY, obj, facts, check_option("compress", compress))


def _described(name: str, serializer: str) -> bytes:
    """Return what a reader who is refused can be told; what it says is checked by the signature only."""
    told = {"name": name} if name else {}
    if serializer != PICKLE.name:
        told["serializer"] = serializer
    if not told:
        return b"{}"
    import json  # most values have neither

    return json.dumps(told).encode()


# -- reading -----------------------------------------------------------------------------------------------------------


def _decoded(purpose: Purpose, data: Blob, name: str, source: Source | None = None) -> Entry:
    try:
        return purpose.decode(_KEY, data, source)
    except BadSignatureError as error:
        told = read_metadata(data)
        for what, mine, usual in (("name", name, ""), ("serializer", purpose.serializer, PICKLE.name)):
            if (found := told.get(what, usual)) != mine:
                raise BadSignatureError(f"it says that it was signed with {what}={found!r}, not {mine!r}") from error
        raise


def _next(file: Readable, purpose: Purpose, name: str, place: str) -> Any:
    for value in _each(file, purpose, name, place):
        return value
    raise UnknownFormatError("only 0 bytes, which is no entry: the file has ended", place)


def _each(file: Readable, purpose: Purpose, name: str, place: str) -> Iterator[Any]:
    number = 0
    while True:
        number += 1
        try:
            entry = read_entry(file, lambda data, source: _decoded(purpose, data, name, source))
            if entry is None:
                return
            value = entry.value()
        except BadEntryError as error:
            _locate(error, place if number == 1 else f"{place or 'the file'}, object {number}")
            raise
        del entry  # only the caller has the value now
        yield value


def _locate(error: BadEntryError, place: str) -> None:
    error.place = place
    error.args = (error.message, place)


def _opened(path: Path) -> IO[bytes]:
    return open(path, "rb")


def _place(file: object) -> str:
    if isinstance(file, str | os.PathLike):
        return os.fspath(file)
    name = getattr(file, "name", "")
    return name if isinstance(name, str) else ""


def _private(data: Blob) -> Blob:
    """Return bytes that nobody else can change between verifying and loading them; at most one copy is made."""
    if isinstance(data, bytes):
        return data
    view = memoryview(data).cast("B")
    return copied(view) if view.nbytes >= LARGE else bytes(view)
