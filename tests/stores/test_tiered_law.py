"""Whatever happens to the tiers: nobody gets what was cleared here, or, after the tiers' ttl, elsewhere."""

import os
import shutil
import tempfile
from contextlib import suppress

from helpers.functions import Counted
from hypothesis import given, settings
from hypothesis import strategies as st

from memopickle import Cache, DirectoryStore, MemoryStore, StoreError, TieredStore
from memopickle.expiry import SECOND

SECRET = "a secret of more than 32 bytes, for the tests"
TTL = 30
STEPS = st.one_of(
    st.tuples(st.just("call"), st.integers(0, 1)),
    st.tuples(st.sampled_from(["clear", "clear elsewhere", "clear disk elsewhere", "damage", "break", "forget"])),
    st.tuples(st.just("invalidate"), st.integers(0, 1)),
    st.tuples(st.just("wait"), st.sampled_from([1, TTL - 1, TTL, 1000])),
)


class Breaking(DirectoryStore):
    """A directory that fails in turn: at every second "break" it works again."""

    broken = False

    def get(self, key):
        self.check()
        return super().get(key)

    def writer(self, key):
        self.check()
        return super().writer(key)

    def clear(self, prefix=""):
        self.check()
        return super().clear(prefix)

    def delete(self, key):
        self.check()
        return super().delete(key)

    def check(self):
        if self.broken:
            raise StoreError("broken")


class World:
    """Each clear begins a new age; results tell the age in which they were computed."""

    def __init__(self, root):
        self.age = 0
        self.now = 1_800_000_000.0
        self.near, self.far = Breaking(f"{root}/near", TTL), DirectoryStore(f"{root}/far")
        self.memory = MemoryStore(ttl=TTL)
        cache = Cache(TieredStore(self.memory, self.near, self.far), secret=SECRET, clock=lambda: self.now)
        self.function = Counted(cache, lambda _: self.age, track_code="off", version=1)
        #: By argument, the age from which results must be.
        self.least = [0, 0]
        #: What was cleared elsewhere: the time from which it must be seen, and the age.
        self.due = []

    def call(self, argument):
        found = self.function(argument)
        reached = [age for when, age in self.due if when <= self.now]
        assert max([self.least[argument], *reached]) <= found <= self.age

    def clear(self):
        self.age += 1
        with suppress(StoreError):
            self.function.function.cache_clear()
            self.least = [self.age] * 2

    def invalidate(self, argument):
        self.age += 1
        with suppress(StoreError):
            self.function.function.cache_invalidate(argument)
            self.least[argument] = self.age

    def clear_elsewhere(self):
        self.age += 1
        DirectoryStore(self.far.path).clear()
        # Also where memory takes a copy from the disk at the end of that one's time.
        self.due.append((self.now + TTL, self.age))

    def clear_disk_elsewhere(self):
        DirectoryStore(self.near.path).clear()

    def forget(self):
        self.memory.clear()

    def wait(self, seconds):
        self.now += seconds

    def break_(self):
        self.near.broken = not self.near.broken

    def damage(self):
        for folder, _, names in os.walk(self.near.path):
            for name in names:
                if "." in name and not name.startswith(".") and not name.endswith(".TAG"):
                    with open(os.path.join(folder, name), "r+b") as file:
                        file.truncate(100)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=25))
def test_nobody_gets_what_was_cleared(steps):
    root = tempfile.mkdtemp()
    try:
        world = World(root)
        assert world.near.ttl == TTL * SECOND
        for name, *arguments in steps:
            getattr(world, {"break": "break_"}.get(name, name.replace(" ", "_")))(*arguments)
        world.call(0), world.call(1)
    finally:
        shutil.rmtree(root)
