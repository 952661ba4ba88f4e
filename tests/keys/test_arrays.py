"""NumPy: dtype, shape and contents count, layout does not."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from helpers.needed import need

from memopickle.errors import UnkeyableError
from memopickle.keys import digest

if TYPE_CHECKING:
    from collections.abc import Callable

np = need("numpy")

CUBE = np.arange(24.0).reshape(2, 3, 4)
BIG = np.arange(3_000_000.0).reshape(1000, 3000)
PACKED = np.zeros(3, [("a", "i1"), ("b", "f8")])

LAYOUTS = {
    "copy": lambda a: a.copy(),
    "Fortran": np.asfortranarray,
    "part of a bigger one": lambda a: np.concatenate([a, a], axis=-1)[..., : a.shape[-1]],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "transposed twice": lambda a: a.T.copy().T,
    "every other": lambda a: np.repeat(a, 2, axis=0)[::2],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("array", [CUBE, BIG, CUBE > 3, CUBE.astype("M8[s]"), CUBE.astype("U3")], ids=lambda a: a.dtype)
def test_layout_does_not_count(array: np.ndarray, layout: Callable[[np.ndarray], np.ndarray]) -> None:
    assert digest(layout(array)) == digest(array)


DIFFERENT = {
    "float64": CUBE,
    "float32": CUBE.astype("f4"),
    "big-endian": CUBE.astype(">f8"),
    "int64": CUBE.astype("i8"),
    "other shape": CUBE.reshape(3, 2, 4),
    "flat": CUBE.reshape(-1),
    "other contents": CUBE + 1,
    "minus zero": CUBE * -0.0,
    "zero": CUBE * 0,
    "list": CUBE.tolist(),
    "0-d": np.array(1.0),
    "scalar": np.float64(1),
    "python": 1.0,
    "float32 scalar": np.float32(1),
    "int scalar": np.int64(1),
    "bool scalar": np.bool_(True),
    "string scalar": np.str_("1"),
    "bytes scalar": np.bytes_(b"1"),
    "empty": np.zeros(0),
    "empty, 2 dimensions": np.zeros((0, 2)),
    "empty, 2 dimensions otherwise": np.zeros((2, 0)),
    "empty int": np.zeros(0, "i4"),
    "no bytes": np.zeros(2, "S0"),
    "days": np.array(["2026-01-01"], "M8[D]"),
    "seconds": np.array(["2026-01-01"], "M8[s]"),
    "time delta": np.array([1], "m8[s]"),
    "not a time": np.array(["NaT"], "M8[s]"),
    "structured": PACKED,
    "structured, aligned": PACKED.astype(np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "structured, other names": PACKED.astype([("a", "i1"), ("c", "f8")]),
    "structured, nested": np.zeros(1, [("a", [("b", "i4")])]),
    "structured, with shape": np.zeros(1, [("a", "i4", (2,))]),
    "structured, with other shape": np.zeros(1, [("a", "i4", (3,))]),
    "record array": PACKED.view(np.recarray),
    "void": np.zeros(1, "V4"),
    "matrix": np.array([[1.0]]).view(np.matrix),
    "object": np.array([1, "a", None], object),
    "object, other type inside": np.array([1.0, "a", None], object),
    "object, other shape": np.array([[1, "a", None]], object),
    "masked": np.ma.array([1, 2], mask=[0, 1]),
    "masked otherwise": np.ma.array([1, 2], mask=[1, 0]),
    "masked, other data below": np.ma.array([1, 3], mask=[0, 1]),
    "masked, none": np.ma.array([1, 2]),
    "masked, other filler": np.ma.array([1, 2], mask=[0, 1], fill_value=7),
    "masked, hard": np.ma.array([1, 2], mask=[0, 1], hard_mask=True),
    "the masked value": np.ma.masked,
    "dtype": np.dtype("f8"),
    "other dtype": np.dtype([("a", "f8")]),
    "dtype class": np.float64,
    "ufunc": np.sin,
    "other ufunc": np.cos,
    "generator": np.random.default_rng(1),
    "other generator": np.random.default_rng(2),
    "random state": np.random.RandomState(1),
}


def test_all_of_these_have_keys_of_their_own() -> None:
    keys = {name: digest(value) for name, value in DIFFERENT.items()}
    assert [pair for pair in itertools.combinations(keys, 2) if keys[pair[0]] == keys[pair[1]]] == []


def test_a_generator_that_was_used_is_another() -> None:
    generator = np.random.default_rng(1)
    before = digest(generator)
    generator.random()
    assert digest(generator) != before == digest(np.random.default_rng(1))


def test_bytes_between_the_fields_do_not_count() -> None:
    aligned = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    dirty = np.frombuffer(b"\xff" * 16, aligned).copy()
    dirty["a"], dirty["b"] = 1, 2
    assert digest(dirty) == digest(np.array([(1, 2)], aligned))


def test_objects_in_an_array_are_keyed_as_everywhere() -> None:
    assert digest(np.array([{1, 2}, "ab"], object)) == digest(np.array([{2, 1}, "a" + "b"], object))


def test_an_array_that_holds_itself_has_a_key() -> None:
    def build() -> np.ndarray:
        array = np.array([None, 1], object)
        array[0] = array
        return array

    assert digest(build()) == digest(build())


def test_an_object_in_an_array_that_can_not_be_keyed_is_refused() -> None:
    with pytest.raises(UnkeyableError):
        digest(np.array([object()], object))


class Tagged(np.ndarray):
    """A subclass with an attribute, which NumPy's own pickle would lose."""

    tag: object = None


def test_attributes_of_subclasses_count() -> None:
    one, two = CUBE.view(Tagged), CUBE.view(Tagged)
    two.tag = "b"
    assert len({digest(one), digest(two), digest(CUBE)}) == 3


def test_a_memory_map_is_keyed_by_its_contents(tmp_path) -> None:
    for name in "ab":
        np.save(tmp_path / name, CUBE)
    maps = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "ab"]
    assert digest(maps[0]) == digest(maps[1])


def test_strings_of_any_length() -> None:
    if not hasattr(np, "dtypes") or not hasattr(np.dtypes, "StringDType"):
        pytest.skip("NumPy 2 has them")
    text, none = np.dtypes.StringDType(), np.dtypes.StringDType(na_object=None)
    arrays = [np.array(["a"], text), np.array(["b"], text), np.array(["a"], none), np.array([None], none)]
    assert len({digest(array) for array in arrays}) == 4
    assert digest(np.array(["a"], text)) == digest(arrays[0])


def test_contents_are_hashed_in_place() -> None:
    """No copy: what Python and NumPy allocate during a key is far less than the array."""
    import tracemalloc

    digest(BIG)
    tracemalloc.start()
    try:
        digest(BIG)
        digest(BIG.T)
        assert tracemalloc.get_traced_memory()[1] < BIG.nbytes / 10
    finally:
        tracemalloc.stop()


SPARSE = ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")


@pytest.mark.parametrize("layout", SPARSE)
def test_sparse_matrices_are_keyed_by_what_they_store(layout: str) -> None:
    sparse = need("scipy.sparse")
    matrix, array = getattr(sparse, f"{layout}_matrix"), getattr(sparse, f"{layout}_array")
    assert digest(matrix(np.eye(3))) == digest(matrix(np.eye(3)))
    others = [
        matrix(np.eye(3)),
        matrix(np.eye(2)),
        matrix(2 * np.eye(3)),
        array(np.eye(3)),
        matrix(np.eye(3, dtype="f4")),
    ]
    assert len({digest(other) for other in others}) == 5


def test_what_scipy_remembers_beside_the_data_does_not_count() -> None:
    sparse = need("scipy.sparse")
    one, two = sparse.csr_matrix(np.eye(3)), sparse.csr_matrix(np.eye(3))
    assert two.has_sorted_indices
    assert digest(one) == digest(two)
