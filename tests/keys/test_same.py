"""Same key if and only if the same value, over all supported types; and the same in every process."""

from __future__ import annotations

import itertools
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memopickle.keys import digest, encode
from tests.keys.same import same
from tests.keys.strategies import ATOMS, rebuilt, values

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

_ROOT = Path(__file__).parents[2]
_EXAMPLES = int(os.environ.get("MEMOPICKLE_KEY_EXAMPLES", "150"))
_often = settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def test_atoms_have_one_key_exactly_if_they_are_the_same() -> None:
    wrong = [
        (a, b) for a, b in itertools.combinations_with_replacement(ATOMS, 2) if same(a, b) != (digest(a) == digest(b))
    ]
    assert wrong == []


@_often
@given(st.lists(values, min_size=4, max_size=8))
def test_values_have_one_key_exactly_if_they_are_the_same(drawn: list[object]) -> None:
    for a, b in itertools.combinations(drawn, 2):
        assert same(a, b) == (digest(a) == digest(b)), (a, b)


@_often
@given(values, st.randoms(use_true_random=False))
def test_a_value_built_again_has_its_key(value: object, chance: random.Random) -> None:
    again = rebuilt(value, chance)
    assert same(value, again)
    assert digest(value) == digest(again)


@_often
@given(values, values)
def test_encodings_are_the_keys_before_digesting(a: object, b: object) -> None:
    assert (encode(a) == encode(b)) == (digest(a) == digest(b))


@_often
@given(values)
def test_no_encoding_begins_another(value: object) -> None:
    """Self-delimiting: of two joined encodings the boundary is never in doubt."""
    whole = encode(value)
    assert not any(encode(other) != whole and whole.startswith(encode(other)) for other in ATOMS)


@_often
@given(values)
def test_encodings_are_short_whatever_the_value(value: object) -> None:
    assert len(encode([value] * 1000)) <= 600


_WORKER = """
import pickle, struct, sys
from memopickle.keys import digest
import tests.keys.samples
read = sys.stdin.buffer.read
while size := read(4):
    value = pickle.loads(read(struct.unpack("<I", size)[0]))
    sys.stdout.buffer.write(digest(value))
    sys.stdout.buffer.flush()
"""


@pytest.fixture(scope="module", params=["0", "4711"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Callable[[object], bytes]]:
    """Digests by a process with another hash seed."""
    environ = {**os.environ, "PYTHONHASHSEED": request.param, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd=_ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(value: object) -> bytes:
            data = pickle.dumps(value)
            process.stdin.write(struct.pack("<I", len(data)) + data)
            process.stdin.flush()
            return process.stdout.read(32)

        yield ask
        process.stdin.close()


def _pickled(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


@_often
@given(value=values)
def test_another_process_has_the_same_key(elsewhere: Callable[[object], bytes], value: object) -> None:
    if _pickled(value):
        assert elsewhere(value) == digest(value)


def test_sets_of_strings_have_the_same_key_under_another_hash_seed(elsewhere: Callable[[object], bytes]) -> None:
    value = {"sets": [{f"{i}{j}" for i in range(50)} for j in range(3)]}
    assert elsewhere(value) == digest(value)
