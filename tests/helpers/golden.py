"""The golden entries of tests/formats: what they say, and how they are made."""

import json
import os
import pickle

from memopickle import Secret
from memopickle.entry import Codec, Facts
from memopickle.serializers import PICKLE

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "formats")


def entries():
    """The descriptions in entries.json, by file name."""
    with open(os.path.join(FOLDER, "entries.json"), encoding="utf-8") as file:
        return json.load(file)


def data(name):
    """The bytes of a golden entry."""
    with open(os.path.join(FOLDER, name), "rb") as file:
        return file.read()


def pattern(size):
    """Bytes that repeat after 251, so that no shift by a power of two goes unnoticed."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def value(described):
    """The value of an entry: what is described, followed by buffers of the given sizes; the last is read-only."""
    sizes = described["buffers"]
    if not sizes:
        return described["value"]
    memory = [bytearray(pattern(size)) for size in sizes[:-1]] + [pattern(sizes[-1])]
    return [described["value"], *map(pickle.PickleBuffer, memory)]


def codec(described):
    signer = Secret(described["secret"], described["algorithm"]).signer
    return Codec([signer], described["namespace"], PICKLE)


def facts(described):
    code = bytes.fromhex(described["code"])
    return Facts(described["created"], described["expires"], described["cost"], code, described["metadata"].encode())


def encoded(described):
    """The entry as this version writes it."""
    return b"".join(codec(described).encode(described["key"], value(described), facts(described)))
