"""What must hold for any bytes: run by the fuzzers on what they find, and by test_corpus on what was kept."""

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress

from memopickle import BadEntryError, Cache, DirectoryStore, Secret, UnknownFormatError
from memopickle.buffers import ROW
from memopickle.codec import Codec
from memopickle.header import HEADER, Header, read_header, read_metadata
from memopickle.serializers import PICKLE
from memopickle.signing import MAC_SIZE
from memopickle.stores.layout import is_ours

FORMATS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "formats")
SECRET = "the fuzzer's secret, more than 32 bytes"

with open(os.path.join(FORMATS, "entries.json"), encoding="utf-8") as file:
    GOLDEN = json.load(file)
CODECS = {
    name: Codec(
        [Secret(told["secret"], told["algorithm"]).signer],
        told["namespace"],
        PICKLE,
        kinds=(told["kind"],),
        compress=told["compress"],
    )
    for name, told in GOLDEN.items()
    if told["compress"] not in ("lz4", "zstd")  # they are not installed everywhere
}
DIGESTS = {}
for name in CODECS:
    with open(os.path.join(FORMATS, name), "rb") as file:
        DIGESTS[name] = hashlib.sha256(file.read()).digest()


def entry(data):
    """Bytes are refused with a BadEntryError, unless they are a golden entry as it was written."""
    check_heads(data)
    digest = hashlib.sha256(data).digest()
    for name, codec in CODECS.items():
        try:
            codec.decode(GOLDEN[name]["key"], data).value()
        except BadEntryError:
            assert digest != DIGESTS[name], f"{name} was refused"
        else:
            assert digest == DIGESTS[name], f"passes for {name}"
        signed(codec, GOLDEN[name]["key"], data)


def check_heads(data):
    """A header is read or refused, and metadata are a dict whatever the bytes."""
    with suppress(UnknownFormatError):
        assert len(read_header(data)) == 11
    assert isinstance(read_metadata(data), dict)


def signed(codec, key, data):
    """Whatever lengths and tables a key's owner signs, reading them ends in an entry or in a BadEntryError.

    What comes out is not unpickled: it is the fuzzer's pickle under a good signature.
    """
    if len(data) < HEADER.size:
        return
    mac = codec._signing
    data = data[:8] + mac.key_id + data[16:]
    header = Header(*HEADER.unpack_from(data))
    end = HEADER.size + header.metadata_size + header.stream_size + header.buffer_count * ROW.size
    if end > len(data):
        return
    framed = len(key).to_bytes(8, "little") + key.encode()
    whole = data[:end] + mac.mac(framed, data[:end]) + data[end:]
    try:
        found = codec.verify(key, whole)
    except BadEntryError:
        return
    unpacked(codec, found)
    assert len(whole) == end + MAC_SIZE + sum(map(len, found.buffers)) + padding(end, found.buffers)


def unpacked(codec, found):
    """What is compressed unpacks to what it says, within what it says, or is refused."""
    parts = [(found.stream, found.header.raw_stream_size), *((one.data, one.raw_size) for one in found._stored)]
    for stored, size in parts:
        try:
            whole = codec._expanded(stored, size)
        except Exception:
            continue  # an entry makes a BadPayloadError of it
        assert len(whole) == size


def padding(end, buffers):
    position, padded = end + MAC_SIZE, 0
    for buffer in buffers:
        padded += -position % 64
        position += -position % 64 + len(buffer)
    return padded


def work(number):
    return [number, "right"]


class Directory:
    """A cache directory with one entry, to put bytes and names into."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="fuzz-")
        self.path = os.path.join(self.root, "cache")
        self.cache = Cache(DirectoryStore(self.path), secret=SECRET)
        self.work = self.cache.cached(work)
        self.work(1)
        self.key = self.work.cache_key(1)
        self.place = self.cache.store.place(self.key)
        with open(self.place, "rb") as entry:
            self.good = entry.read()

    def close(self):
        shutil.rmtree(self.root)

    def entry(self, data):
        """Whatever lies at an entry's place, calls give the right value, and nothing that lists or prunes raises."""
        self.write(self.place, data)
        self.look()
        good, bad = self.cache.verify()
        assert (good, len(bad)) == ((1, 0) if data == self.good else (0, 1))
        self.cache.prune()
        assert self.work(1) == [1, "right"]
        assert self.cache.verify() == (1, [])

    def names(self, data):
        """Whatever files lie about, they are neither read nor removed unless their names are ours."""
        name = data[:255].replace(b"/", b"_").replace(b"\0", b"_")
        if name in (b"", b".", b".."):
            return
        shard = os.path.dirname(self.place)
        folders = [os.fsencode(folder) for folder in (self.path, os.path.dirname(shard), shard)]
        planted = [path for folder in folders if not os.path.lexists(path := os.path.join(folder, name))]
        for path in planted:
            self.write(path, data)
        assert self.work(1) == [1, "right"]
        self.look()
        self.cache.prune()
        self.cache.clear()
        for path in planted:
            if not is_ours(os.fsdecode(name)):
                assert os.path.exists(path), path
            if os.path.exists(path):
                os.unlink(path)
        assert self.work(1) == [1, "right"]

    def look(self):
        """Everything that lists; nothing may raise."""
        assert set(self.cache.functions()) <= {"", f"{work.__module__}:work"}
        for info in self.cache.entries():
            assert isinstance(info.function, str)
        self.cache.stats()

    def write(self, path, data):
        with open(path, "wb") as file:
            file.write(data)
