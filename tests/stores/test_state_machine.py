"""All stores do what a dict with times does: one hypothesis state machine drives them with the same steps.

``MEMOPICKLE_STEPS=1000`` runs that many sequences of steps instead of a few seconds' worth.
"""

import os
import shutil
import tempfile
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from memopickle import Cache, DirectoryStore, MemoryStore, ShelveStore

EXAMPLES = int(os.environ.get("MEMOPICKLE_STEPS", "20"))
STORE_TTL = 60
FOREVER = float("inf")

#: The number of the computation under way; every computation of one step gives the same value in every store.
step = [0]
computed = []


def first(number):
    computed.append(("first", number))
    return ["first", number, step[0]]


def second(number):
    computed.append(("second", number))
    return ["second", number, step[0]]


FUNCTIONS = {"first": first, "second": second}

names = st.sampled_from(sorted(FUNCTIONS))
numbers = st.integers(0, 1)
#: As the decorator takes them; "unset" leaves it to the store.
ttls = st.sampled_from(["unset", None, 0, 10, 300])


class Kept(NamedTuple):
    """What the model knows of an entry; times in seconds."""

    value: list
    created: int
    expires: float


class Stores(RuleBasedStateMachine):
    """Steps on several caches, and on ``self.model``, which says what they must answer."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.memory = MemoryStore(ttl=STORE_TTL)
        self.now = 1_700_000_000
        self.ttl = dict.fromkeys(FUNCTIONS, "unset")
        self.model = {}
        self.caches = {}
        self.open_all()

    def teardown(self):
        for cache in self.caches.values():
            cache.close()
        shutil.rmtree(self.folder)

    # -- the caches ----------------------------------------------------------------------------------------------

    def open_all(self):
        stores = {
            "directory": DirectoryStore(f"{self.folder}/cache", ttl=STORE_TTL),
            "shelve": ShelveStore(f"{self.folder}/shelf", ttl=STORE_TTL),
            "memory": self.memory,
        }
        self.caches = {
            name: Cache(store, secret="m" * 32, clock=lambda: float(self.now)) for name, store in stores.items()
        }
        self.decorate()

    def decorate(self):
        self.functions = {
            (kind, name): cache.cached(function, **({} if self.ttl[name] == "unset" else {"ttl": self.ttl[name]}))
            for kind, cache in self.caches.items()
            for name, function in FUNCTIONS.items()
        }

    def everywhere(self, name, do):
        """Do the same to one function in every store; return the one answer that all gave."""
        step[0] += 1
        answers = {}
        for kind in self.caches:
            computed.clear()
            answers[kind] = do(self.functions[kind, name]), list(computed)
        return self.agreed(answers)

    def on_all(self, do):
        """Do the same to every cache; return the one answer that all gave."""
        return self.agreed({kind: do(cache) for kind, cache in self.caches.items()})

    def agreed(self, answers):
        expected = answers["directory"]
        assert all(answer == expected for answer in answers.values()), answers
        return expected

    # -- the model -----------------------------------------------------------------------------------------------

    def seconds(self, name):
        ttl = self.ttl[name]
        if ttl == "unset":
            return STORE_TTL
        return FOREVER if ttl is None else ttl

    def usable(self, name, number):
        kept = self.model.get((name, number))
        usable = kept is not None and -300 <= self.now - kept.created < self.seconds(name)
        return kept if usable and self.seconds(name) else None

    def keep(self, name, number, value):
        if self.seconds(name):
            self.model[name, number] = Kept(value, self.now, self.now + self.seconds(name))

    def forget(self, doomed):
        """Remove from the model what ``doomed`` is true of; return how many."""
        gone = [key for key, kept in self.model.items() if doomed(key, kept)]
        for key in gone:
            del self.model[key]
        return len(gone)

    # -- steps ---------------------------------------------------------------------------------------------------

    @rule(name=names, number=numbers)
    def call(self, name, number):
        value, calls = self.everywhere(name, lambda function: function(number))
        kept = self.usable(name, number)
        if kept is None:
            assert (value, calls) == ([name, number, step[0]], [(name, number)])
            self.keep(name, number, value)
        else:
            assert (value, calls) == (kept.value, [])

    @rule(name=names, number=numbers)
    def call_and_change_the_result(self, name, number):
        self.call(name, number)
        self.everywhere(name, lambda function: function(number).append("changed by a caller"))
        if not self.seconds(name):
            return
        assert self.everywhere(name, lambda function: function(number)) == (self.model[name, number].value, [])

    @rule(name=names, number=numbers)
    def refresh(self, name, number):
        value, calls = self.everywhere(name, lambda function: function.cache_refresh(number))
        assert (value, calls) == ([name, number, step[0]], [(name, number)])
        self.keep(name, number, value)

    @rule(name=names, number=numbers)
    def put(self, name, number):
        value = ["put", step[0]]
        self.everywhere(name, lambda function: function.cache_set(value, number))
        self.keep(name, number, value)

    @rule(name=names, number=numbers)
    def peek(self, name, number):
        def facts(function):
            found = function.cache_peek(number)
            return function.cache_contains(number), found and (found.value, found.created, found.expires)

        answer, calls = self.everywhere(name, facts)
        kept = self.usable(name, number)
        assert calls == []
        if kept is None:
            assert answer == (False, None)
        else:
            expires = None if kept.expires == FOREVER else kept.expires
            assert answer == (True, (kept.value, kept.created, expires))

    @rule(name=names, number=numbers)
    def invalidate(self, name, number):
        answer, _ = self.everywhere(name, lambda function: function.cache_invalidate(number))
        assert answer == (self.model.pop((name, number), None) is not None)

    @rule(name=names)
    def clear_function(self, name):
        self.everywhere(name, lambda function: function.cache_clear())
        self.forget(lambda key, kept: key[0] == name)

    @rule(name=names)
    def clear_by_name(self, name):
        gone = self.forget(lambda key, kept: key[0] == name)
        assert self.on_all(lambda cache: cache.clear(f"*.{name}")) == gone

    @rule()
    def clear(self):
        assert self.on_all(lambda cache: cache.clear()) == len(self.model)
        self.model.clear()

    @rule()
    def clear_expired(self):
        gone = self.forget(lambda key, kept: kept.expires <= self.now)
        assert self.on_all(lambda cache: cache.clear(expired=True)) == gone

    @rule(age=st.sampled_from([0, 10, 60]))
    def clear_older(self, age):
        gone = self.forget(lambda key, kept: kept.created <= self.now - age)
        assert self.on_all(lambda cache: cache.clear(older_than=age)) == gone

    @rule()
    def prune(self):
        gone = self.forget(lambda key, kept: kept.expires <= self.now)
        assert self.on_all(lambda cache: cache.prune()) == gone

    @rule(seconds=st.sampled_from([1, 10, 60, 86400]))
    def advance(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.model)
    @rule(index=st.integers(0, 3), recorded=st.booleans(), early=st.booleans())
    def advance_to_an_expiry(self, index, recorded, early):
        """To the very second in which an entry expires, by the ttl of today or the one recorded, or the one before."""
        (name, _), kept = sorted(self.model.items())[index % len(self.model)]
        expires = kept.expires if recorded else kept.created + self.seconds(name)
        if self.now < expires - early < FOREVER:
            self.now = expires - early

    @precondition(lambda self: self.model)
    @rule(seconds=st.sampled_from([1, 299, 300, 301, 86400]))
    def set_clock_back(self, seconds):
        self.now -= seconds

    @rule(name=names, ttl=ttls)
    def change_ttl(self, name, ttl):
        self.ttl[name] = ttl
        self.decorate()

    @rule()
    def reopen(self):
        for cache in self.caches.values():
            cache.close()
        self.open_all()

    # -- what is always true -------------------------------------------------------------------------------------

    @invariant()
    def all_hold_what_the_model_holds(self):
        held = sorted((kept.created, kept.expires, name) for (name, _), kept in self.model.items())

        def listed(cache):
            return sorted(
                (info.created, FOREVER if info.expires is None else info.expires, info.function.rpartition(":")[2])
                for info in cache.entries()
            )

        assert self.on_all(listed) == held
        assert self.on_all(lambda cache: [name.rpartition(":")[2] for name in cache.functions()]) == sorted(
            {name for name, _ in self.model}
        )

    @invariant()
    def the_same_entries_may_be_used(self):
        for name in FUNCTIONS:
            usable = [self.usable(name, number) is not None for number in range(2)]
            answer, _ = self.everywhere(name, lambda function: [function.cache_contains(number) for number in range(2)])
            assert answer == usable

    @invariant()
    def every_signature_is_good(self):
        assert self.on_all(lambda cache: cache.verify()) == (len(self.model), [])


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=EXAMPLES, stateful_step_count=25, deadline=None)
