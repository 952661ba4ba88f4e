"""The golden entries of tests/formats: what they say, and how they are made."""

import json
import os
import pickle

from blake3 import blake3

from helpers.needed import need
from memopickle import Secret
from memopickle.codec import Codec
from memopickle.header import Facts
from memopickle.serializers import PICKLE

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "formats")


def entries(folder=FOLDER):
    """The descriptions in entries.json, by file name."""
    with open(os.path.join(folder, "entries.json"), encoding="utf-8") as file:
        return json.load(file)


def data(name, folder=FOLDER):
    """The bytes of a golden entry."""
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def pattern(size):
    """Bytes that repeat after 251, so that no shift by a power of two goes unnoticed."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def noise(size):
    """Bytes that no algorithm makes fewer."""
    return blake3(b"noise").digest(size)


def content(part):
    return noise(part["size"]) if part["of"] == "noise" else pattern(part["size"])


def value(described):
    """The value of an entry: what is described, followed by its buffers; the last is read-only."""
    parts = described["buffers"]
    if not parts:
        return described["value"]
    memory = [bytearray(content(part)) for part in parts[:-1]] + [content(parts[-1])]
    return [described["value"], *(buffer(part, one) for part, one in zip(parts, memory, strict=True))]


def buffer(part, memory):
    """A buffer for pickle: as the data of an array, or as bytes."""
    if part["of"] != "array":
        return pickle.PickleBuffer(memory)
    numpy = need("numpy")
    return pickle.PickleBuffer(numpy.frombuffer(memory, "u1"))


def codec(described):
    """What reads and writes the entry; skips where its compression is not installed."""
    if described["compress"] in ("lz4", "zstd"):
        need({"lz4": "lz4", "zstd": "backports.zstd"}[described["compress"]])
    signer = Secret(described["secret"], described["algorithm"]).signer
    return Codec(
        [signer], described["namespace"], PICKLE, kinds=(described["kind"],), compress=described["compress"]
    )  # fmt: skip


def facts(described):
    code = bytes.fromhex(described["code"])
    times = described["created"], described["expires"], described["cost"]
    return Facts(*times, code, described["metadata"].encode(), described["ttl"], described["kind"])


def encoded(described):
    """The entry as this version writes it."""
    return b"".join(codec(described).encode(described["key"], value(described), facts(described)))
