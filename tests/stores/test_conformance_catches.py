"""The conformance suite is green for a correct store and red for each of these broken ones."""

import os

import pytest

pytest_plugins = ["pytester"]

CORRECT = """
import os
from urllib.parse import quote, unquote

from memopickle import Store
from memopickle.testing import StoreTests


class Correct(Store):
    def __init__(self, root):
        self.root = str(root)

    def path(self, key):
        return os.path.join(self.root, quote(key, safe=""))

    def get(self, key):
        return self.read(self.path(key))

    def read(self, path):
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def set(self, key, chunks, expires_at):
        self.write(self.path(key), b"".join(chunks))

    def write(self, path, value):
        beside = os.path.join(self.root, "~" + os.urandom(8).hex())
        with open(beside, "wb") as file:
            file.write(value)
        os.replace(beside, path)

    def delete(self, key):
        try:
            os.unlink(self.path(key))
        except FileNotFoundError:
            return False
        return True

    def names(self):
        return [unquote(name) for name in os.listdir(self.root) if not name.startswith("~")]

    def keys(self, prefix=""):
        return (name for name in self.names() if name.startswith(prefix))


class Suite(StoreTests):
    kind = Correct

    def make_store(self, tmp_path):
        return self.kind(tmp_path)

    def raw_get(self, store, key):
        return store.read(os.path.join(store.root, quote(key, safe="")))

    def raw_set(self, store, key, data):
        with open(os.path.join(store.root, quote(key, safe="")), "wb") as file:
            file.write(data)
"""

#: What is broken: the methods in place of the correct ones, and a test that must tell.
BROKEN = {
    "loses the last chunk": (
        'def set(self, key, chunks, expires_at): self.write(self.path(key), b"".join(list(chunks)[:1]))',
        "test_chunks_of_every_kind_are_joined_in_order",
    ),
    "joins chunks in reverse": (
        'def set(self, key, chunks, expires_at): self.write(self.path(key), b"".join(list(chunks)[::-1]))',
        "test_chunks_of_every_kind_are_joined_in_order",
    ),
    "takes an empty value for none": (
        "def get(self, key): return self.read(self.path(key)) or None",
        "test_any_bytes_come_back",
    ),
    "strips white space": (
        "def set(self, key, chunks, expires_at): self.write(self.path(key), b''.join(chunks).strip())",
        "test_any_bytes_come_back",
    ),
    "writes what is no key's place": (
        "def path(self, key): return os.path.join(self.root, 'x' + quote(key, safe=''))",
        "test_set_puts_the_bytes_there",
    ),
    "cuts large values": (
        "def set(self, key, chunks, expires_at): self.write(self.path(key), b''.join(chunks)[:1 << 20])",
        "test_a_large_value_comes_back",
    ),
    "appends": (
        "def write(self, path, value):\n        with open(path, 'ab') as file: file.write(value)",
        "test_set_replaces",
    ),
    "never replaces": (
        "def set(self, key, chunks, expires_at):\n"
        "        if self.get(key) is None: self.write(self.path(key), b''.join(chunks))",
        "test_set_replaces",
    ),
    "raises KeyError for a missing key": (
        "def get(self, key):\n        with open(self.path(key), 'rb') as file: return file.read()",
        "test_a_missing_key_is_none",
    ),
    "keys ignores the prefix": (
        "def keys(self, prefix=''): return iter(self.names())",
        "test_keys_lists_what_begins_with_a_prefix",
    ),
    "keys takes the prefix for any part": (
        "def keys(self, prefix=''): return (name for name in self.names() if prefix[:6] in name)",
        "test_keys_lists_what_begins_with_a_prefix",
    ),
    "keys forgets the last": (
        "def keys(self, prefix=''): return iter([name for name in self.names() if name.startswith(prefix)][1:])",
        "test_keys_lists_what_begins_with_a_prefix",
    ),
    "keeps half a key": (
        "def path(self, key): return os.path.join(self.root, quote(key[:60], safe=''))",
        "test_keys_that_differ_in_one_digit_are_apart",
    ),
    "refuses long keys": (
        "def path(self, key):\n        assert len(key) < 150\n        return Correct.path(self, key)",
        "test_keys_of_any_length_are_taken",
    ),
    "delete is always True": (
        "def delete(self, key): Correct.delete(self, key); return True",
        "test_delete_of_what_never_was_is_false",
    ),
    "delete does nothing": (
        "def delete(self, key): return self.get(key) is not None",
        "test_delete_removes_and_tells_whether_it_was_there",
    ),
    "clear removes all": (
        "def clear(self, prefix=''): return sum(map(self.delete, list(self.keys())))",
        "test_clear_removes_a_prefix_counts_and_leaves_the_rest",
    ),
    "clear counts wrongly": (
        "def clear(self, prefix=''): return len([self.delete(key) for key in self.keys(prefix)]) + 1",
        "test_clear_removes_a_prefix_counts_and_leaves_the_rest",
    ),
    "prune keeps what expires now": (
        "def prune(self, now): return Correct.prune(self, now - 1)",
        "test_prune_removes_what_was_expired_by_its_recorded_time",
    ),
    "prune removes garbage": (
        "def _is_expired(self, key, now):\n"
        "        return len(self.get(key)) < 72 or Correct._is_expired(self, key, now)",
        "test_prune_removes_what_was_expired_by_its_recorded_time",
    ),
    "head gives all": (
        "def head(self, key, size=4096): return self.get(key)",
        "test_head_returns_the_first_bytes",
    ),
    "size is of the file's name": (
        "def size(self, key): return len(key)",
        "test_size_is_that_of_the_value_and_0_of_none",
    ),
    "functions repeats itself": (
        "def functions(self, prefix=''): return (key[:40] for key in self.keys(prefix))",
        "test_functions_are_told_once_each",
    ),
    "sets piece by piece": (
        "def set(self, key, chunks, expires_at):\n"
        "        with open(self.path(key), 'wb', buffering=0) as file:\n"
        "            for chunk in chunks: file.write(chunk)",
        "test_a_reader_in_the_middle_of_a_set_gets_the_old_value_or_the_new",
    ),
    "leaves half a value when a set fails": (
        "def set(self, key, chunks, expires_at):\n"
        "        with open(self.path(key), 'wb', buffering=0) as file:\n"
        "            for chunk in chunks: file.write(chunk)",
        "test_a_set_that_fails_midway_leaves_the_old_value",
    ),
    "overwrites in place": (
        "def write(self, path, value):\n"
        "        with open(path, 'wb', buffering=0) as file:\n"
        "            for start in range(0, len(value), 1000): file.write(value[start : start + 1000])",
        "test_another_process_never_reads_a_mixture",
    ),
    "shares its memory with readers": (
        "values = {}\n"
        "    def get(self, key): return self.values.get(key)\n"
        "    def set(self, key, chunks, expires_at): self.values.setdefault(key, bytearray())[:] = b''.join(chunks)",
        "test_what_was_returned_does_not_change_when_replaced",
    ),
    "keeps the caller's memory": (
        "values = {}\n"
        "    def get(self, key): return self.values[key]\n"
        "    def set(self, key, chunks, expires_at): self.values[key] = list(chunks)[0]",
        "test_what_was_set_does_not_change_with_the_callers_memory",
    ),
    "remembers what it read": (
        "def get(self, key):\n"
        "        self.seen = getattr(self, 'seen', {})\n"
        "        return self.seen.setdefault(key, Correct.get(self, key))",
        "test_two_stores_on_one_place_see_each_other",
    ),
    "forgets its place when pickled": (
        "def __getstate__(self): return {'root': os.path.join(self.root, 'elsewhere')}",
        "test_a_pickled_store_is_one_of_the_same_place",
    ),
    "stays closed": (
        "def close(self): self.root = '/nowhere'",
        "test_a_closed_store_opens_again_when_used",
    ),
    "writer publishes at once": (
        "def writer(self, key): self.set(key, [b''], None); return Correct.writer(self, key)",
        "test_a_writer_that_is_closed_without_publishing_leaves_nothing",
    ),
    "claims to guard writes": (
        "guards_writes = True",
        "test_a_value_begun_before_a_clear_stays_out",
    ),
    "claims to break locks": (
        "breaks_locks = True",
        "test_removing_a_key_takes_its_lock_away",
    ),
    "locks nobody out": (
        "def lock(self, key):\n        from memopickle.locks import NoLock\n        return NoLock()",
        "test_a_held_lock_keeps_others_out_until_their_time_is_up",
    ),
    "has one lock for all": (
        "def lock(self, key): return Correct.lock(self, '')",
        "test_locks_of_different_keys_do_not_meet",
    ),
    "never releases": (
        "def lock(self, key):\n"
        "        lock = Correct.lock(self, key)\n"
        "        lock.release = lambda: None\n"
        "        return lock",
        "test_a_held_lock_keeps_others_out_until_their_time_is_up",
    ),
}


def _broken(what):
    body = BROKEN[what][0]
    if " = True" in body:  # an attribute of the suite, not of the store
        return f"class TestBroken(Suite):\n    {body}\n"
    return f"class Broken(Correct):\n    {body}\n\nclass TestBroken(Suite):\n    kind = Broken\n"


def _run(pytester, text, *options):
    # Another name for each: modules of this process are not imported twice.
    path = pytester.makepyfile(**{f"test_{os.urandom(4).hex()}": text})
    return pytester.runpytest_inprocess(path, "-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", *options)


def test_the_correct_store_is_green(pytester):
    result = _run(pytester, f"{CORRECT}\nclass TestCorrect(Suite): pass\n")
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] > 50
    assert set(outcomes) <= {"passed", "skipped"}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_store_is_red(pytester, what):
    result = _run(pytester, f"{CORRECT}\n{_broken(what)}", "-k", BROKEN[what][1])
    assert result.parseoutcomes().get("failed") == 1
