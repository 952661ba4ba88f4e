"""Making entries smaller: streams and buffers, each by itself, and only where that makes them smaller."""

from __future__ import annotations

import sys

from memopickle.errors import BadPayloadError, ConfigurationError
from memopickle.header import ALGORITHMS
from memopickle.pages import fresh_memory
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from memopickle.typed import Blob

__all__ = ["ALGORITHMS", "Compression", "algorithm_name", "find_compression"]

#: Shorter data are not worth the time; an algorithm's own frame would cost what it saves.
_LEAST = 256
#: What is handed to an algorithm, and taken from it, at a time.
_PIECE = 1 << 18
#: No algorithm packs tighter (zstd: 128 KiB into 3 bytes, lzma 1:7,000). A length beyond that is no data's length.
_TIGHTEST = 1 << 16
#: What unpacking lzma may need for itself; its highest preset needs 65 MiB.
_LZMA_MEMORY = 128 << 20


class Compression:
    """One algorithm, found and ready; safe to share between threads."""

    def __init__(self, name: str, compressor: Callable[[], Any], decompressor: Callable[[], Any]) -> None:
        self.name = name
        self.number: int = ALGORITHMS.index(name)
        self._compressor = compressor
        self._decompressor = decompressor

    def shrink(self, pieces: Sequence[Blob], size: int) -> tuple[Sequence[Blob], int]:
        """Return the ``size`` bytes of ``pieces`` compressed, if that is shorter, and how many there are then."""
        if size < _LEAST:
            return pieces, size
        packed: list[bytes] = []
        length = 0
        for out in _packed(self._compressor(), pieces):
            packed.append(out)
            length += len(out)
            if length >= size:
                return pieces, size
        return packed, length

    def expand(self, data: Blob, size: int) -> memoryview:
        """Return the ``size`` bytes that were compressed; BadPayloadError if they are more or fewer.

        Raises the algorithm's own error for what is no data of its. ``size`` must have been verified: memory is taken
        for so many bytes, and for no more whatever the data say.
        """
        if size > len(data) * _TIGHTEST:
            raise BadPayloadError(f"{len(data)} compressed bytes cannot be {size} bytes")
        target = fresh_memory(size)
        done = 0
        decompressor = self._decompressor()
        for piece in _cut([data]):
            if decompressor.eof:
                raise BadPayloadError("bytes follow the end of the compressed data")
            for out in _unpacked(decompressor, piece):
                if done + len(out) > size:
                    raise BadPayloadError(f"the compressed data are more than the {size} bytes that were signed for")
                target[done : done + len(out)] = out
                done += len(out)
        if done != size or not decompressor.eof or decompressor.unused_data:
            raise BadPayloadError(f"the compressed data are not the {size} bytes that were signed for")
        return target


def find_compression(name: str | None) -> Compression | None:
    """Return the algorithm of this name, None for None; ConfigurationError if it is unknown or not installed."""
    if name is None:
        return None
    if name not in _MAKERS:
        known = ", ".join(map(repr, ALGORITHMS))
        raise ConfigurationError(f"compress={name!r}: choose one of {known}")
    try:
        return Compression(name, *_MAKERS[name]())
    except ImportError as error:
        raise ConfigurationError(
            f"compress={name!r} needs a package that is not installed; pip install 'memopickle[{name}]'"
        ) from error


def algorithm_name(number: int) -> str:
    """Return, for messages, what an entry of this compression number says it is compressed with."""
    return str(ALGORITHMS[number]) if number < len(ALGORITHMS) else f"unknown algorithm {number}"


def _cut(pieces: Iterable[Blob]) -> Iterator[memoryview]:
    # In small steps: what an algorithm has not used it copies, each time that it gives out a part.
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), _PIECE):
            yield view[start : start + _PIECE]


def _packed(compressor: Any, pieces: Iterable[Blob]) -> Iterator[bytes]:
    for piece in _cut(pieces):
        yield compressor.compress(piece)
    yield compressor.flush()


def _unpacked(decompressor: Any, piece: Blob) -> Iterator[bytes]:
    """Give what one piece unpacks to, at most _PIECE at a time."""
    while True:
        out = decompressor.decompress(piece, _PIECE)
        yield out
        if len(out) < _PIECE or decompressor.eof:
            return
        piece = getattr(decompressor, "unconsumed_tail", b"")  # zlib's; the others keep it


# -- the algorithms, each imported by the first function that uses it --------------------------------------------------


def _zlib() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import zlib

    return zlib.compressobj, zlib.decompressobj


def _lzma() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import lzma

    return (
        lambda: lzma.LZMACompressor(check=lzma.CHECK_NONE),  # the signature is a better check
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY),
    )


def _lz4() -> tuple[Callable[[], Any], Callable[[], Any]]:
    from importlib import import_module

    frame: Any = import_module("lz4.frame")  # it has no types

    class Compressor(frame.LZ4FrameCompressor):  # type: ignore[misc]
        """Begins by itself, as the others do."""

        def __init__(self) -> None:
            super().__init__()
            self._begun = self.begin()

        def compress(self, data: Blob) -> bytes:
            begun, self._begun = self._begun, b""
            out: bytes = begun + super().compress(data)
            return out

    return Compressor, frame.LZ4FrameDecompressor


def _zstd() -> tuple[Callable[[], Any], Callable[[], Any]]:
    from importlib import import_module

    zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    return zstd.ZstdCompressor, zstd.ZstdDecompressor


_MAKERS = {"zlib": _zlib, "lzma": _lzma, "lz4": _lz4, "zstd": _zstd}
