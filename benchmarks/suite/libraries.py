"""The libraries that keep results on disk: how each caches a function in a folder, and how its bytes are changed."""

from __future__ import annotations

import asyncio
import contextlib
import dbm
import functools
import importlib.metadata
import importlib.util
import os
import pickle
import platform
import shelve
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Compute = Callable[..., object]

__all__ = ["LIBRARIES", "Library", "asynchronous", "cashews_cache", "default_dbm", "files", "installed", "version"]

SECRET = "the secret of the benchmark, 32 bytes"


def installed(package: str) -> bool:
    """Tell whether a package can be imported."""
    with contextlib.suppress(ModuleNotFoundError):  # of a package above it
        return importlib.util.find_spec(package) is not None
    return False


def version(package: str) -> str:
    """Return which version is installed, ``""`` if none is."""
    return importlib.metadata.version(package) if installed(package) else ""


def default_dbm() -> str:
    """Return which dbm a new file gets here."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x")
        dbm.open(path, "c").close()
        return str(dbm.whichdb(path))


def files(folder: str) -> list[str]:
    """Return all files below a folder."""
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]


class Library:
    """One library: how a function is cached in a folder, and where a result lies."""

    name = ""
    package = ""
    #: Further packages that it needs for a disk.
    needs: tuple[str, ...] = ()

    def cached(self, folder: str, function: Compute) -> Compute:
        """Return the function, cached in the folder, as the library's own page shows it."""
        raise NotImplementedError

    def holder(self, folder: str) -> str:
        """Return the file that holds the newest result: the largest one."""
        return max(files(folder), key=os.path.getsize)

    def swap(self, before: dict[str, bytes], folder: str) -> None:
        """Exchange the results of two calls, the second of which made the files that were not there ``before``."""
        one = max(before, key=lambda name: len(before[name]))
        other = max((path for path in files(folder) if path not in before), key=os.path.getsize)
        os.rename(one, f"{one}.swap")
        os.rename(other, one)
        os.rename(f"{one}.swap", other)

    def plant(self, folder: str, data: bytes) -> None:
        """Put a pickle where the result is."""
        Path(self.holder(folder)).write_bytes(data)

    def version(self) -> str:
        """Return what is installed, ``""`` if it is not."""
        return version(self.package) if all(map(installed, self.needs)) else ""


class Memopickle(Library):
    """Ours."""

    name = package = "memopickle"

    def cached(self, folder: str, function: Compute) -> Compute:
        from memopickle import Cache, DirectoryStore

        return Cache(DirectoryStore(folder), secret=SECRET).cached(function)


class Joblib(Library):
    """A file for each result, beside one with the function's code."""

    name = package = "joblib"

    def cached(self, folder: str, function: Compute) -> Compute:
        import joblib

        cached: Compute = joblib.Memory(folder, verbose=0).cache(function)
        return cached


class Diskcache(Library):
    """SQLite, and a file for each larger result."""

    name = package = "diskcache"

    def cached(self, folder: str, function: Compute) -> Compute:
        import diskcache

        cached: Compute = diskcache.Cache(folder).memoize()(function)
        return cached

    def holder(self, folder: str) -> str:
        return max((path for path in files(folder) if path.endswith(".val")), key=os.path.getsize)


class Cachier(Library):
    """One pickled dict for each function."""

    name = package = "cachier"

    def cached(self, folder: str, function: Compute) -> Compute:
        import cachier

        cached: Compute = cachier.cachier(cache_dir=folder)(function)
        return cached

    def swap(self, before: dict[str, bytes], folder: str) -> None:
        path = self.holder(folder)
        with open(path, "rb") as file:
            entries = pickle.load(file)
        one, other = entries.values()
        one.value, other.value = other.value, one.value
        with open(path, "wb") as file:
            pickle.dump(entries, file)


class Checkpointer(Library):
    """A pickle for each result."""

    name = package = "checkpointer"

    def cached(self, folder: str, function: Compute) -> Compute:
        import checkpointer

        cached: Compute = checkpointer.Checkpointer(directory=folder, verbosity=0)(function)
        return cached


class Cashews(Diskcache):
    """Asynchronous; its disk is diskcache, in eight parts. Each call runs an event loop of its own."""

    name = package = "cashews"
    needs = ("diskcache",)
    secret = ""

    #: What its decorator is told.
    options: Mapping[str, Any] = {"ttl": "30d"}

    def cached(self, folder: str, function: Compute) -> Compute:
        decorate = cashews_cache("disk://", secret=self.secret, directory=folder)(**self.options)
        if asyncio.iscoroutinefunction(function):
            return cast("Compute", decorate(function))
        found = decorate(asynchronous(function))

        @functools.wraps(function)
        def call(*args: object, **kwargs: object) -> object:
            return asyncio.run(found(*args, **kwargs))

        return call

    def plant(self, folder: str, data: bytes) -> None:
        """Also mark the row as one whose file is a pickle, which is for diskcache to load."""
        super().plant(folder, data)
        for path in files(folder):
            if path.endswith("cache.db"):
                with contextlib.closing(sqlite3.connect(path)) as database, database:
                    database.execute("UPDATE Cache SET mode = 4 WHERE filename IS NOT NULL")


class SignedCashews(Cashews):
    """With its signatures, which are off unless a secret is given."""

    name = "cashews, secret="
    secret = SECRET


class Shelve(Library):
    """What many programs write themselves."""

    name = "shelve by hand"
    package = "shelve"

    def cached(self, folder: str, function: Compute) -> Compute:
        path = os.path.join(folder, "results")

        def cached(number: int) -> object:
            key = f"{function.__name__} {number}"
            with shelve.open(path) as shelf:
                if key in shelf:
                    return shelf[key]
            found = function(number)
            with shelve.open(path) as shelf:
                shelf[key] = found
            return found

        return cached

    def swap(self, before: dict[str, bytes], folder: str) -> None:
        with dbm.open(os.path.join(folder, "results"), "w") as database:
            one, other = list(database.keys())
            database[one], database[other] = database[other], database[one]

    def plant(self, folder: str, data: bytes) -> None:
        with dbm.open(os.path.join(folder, "results"), "w") as database:
            for key in list(database.keys()):
                database[key] = data

    def version(self) -> str:
        return f"{platform.python_version()} over {default_dbm()}"


class Dogpile(Shelve):
    """A dbm file, as a shelf is; metadata in JSON before each pickle."""

    name = package = "dogpile.cache"

    def cached(self, folder: str, function: Compute) -> Compute:
        from dogpile.cache import make_region

        path = os.path.join(folder, "results")
        region = make_region().configure("dogpile.cache.dbm", arguments={"filename": path})
        cached: Compute = region.cache_on_arguments()(function)
        return cached

    def plant(self, folder: str, data: bytes) -> None:
        super().plant(folder, b'{"ct": 1.0, "v": 2}|' + data)

    def version(self) -> str:
        found = version(self.package)
        return f"{found} over {default_dbm()}" if found else ""


def cashews_cache(url: str, secret: str = "", **options: Any) -> Any:
    """Return a cache of cashews; with a secret it signs."""
    from cashews import Cache

    cache = Cache()
    cache.setup(url, **options, **({"secret": secret} if secret else {}))
    return cache


def asynchronous(function: Callable[..., object]) -> Callable[..., Awaitable[object]]:
    """Return a function as one to be awaited."""

    @functools.wraps(function)
    async def call(*args: object, **kwargs: object) -> object:
        return function(*args, **kwargs)

    return call


_ALL = (
    Joblib(), Diskcache(), Cachier(), Checkpointer(), Dogpile(), Cashews(), SignedCashews(), Shelve(), Memopickle(),
)  # fmt: skip
LIBRARIES = {library.name: library for library in _ALL}
