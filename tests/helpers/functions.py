"""Cached functions that count their calls."""

import importlib.util
import os
import sys
from collections import Counter

from memopickle import events as kinds


class Counted:
    """A cached function of one argument with the list of arguments that it was really computed for."""

    def __init__(self, cache, compute=lambda number: number * 2, **options):
        self.calls = calls = []

        def counted(argument):
            calls.append(argument)
            return compute(argument)

        self.cache = cache
        self.function = cache.cached(counted, key=str, **options)

    def __call__(self, argument):
        return self.function(argument)

    def key(self, argument):
        return self.function.cache_key(argument)

    def path(self, argument):
        return self.cache.store.place(self.key(argument))

    def data(self, argument):
        return bytes(self.cache.store.get(self.key(argument)))

    def plant(self, argument, data):
        """Put bytes at the entry's place."""
        path = self.path(argument)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def count(events):
    """How many events of each kind there are."""
    return Counter(type(event).__name__ for event in events)


def reasons(events, kind=kinds.Miss):
    return [event.reason for event in events if isinstance(event, kind)]


def load(path, name="loaded_for_a_test"):
    """Import a file as a new module of this name: the same file twice gives two modules."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module
