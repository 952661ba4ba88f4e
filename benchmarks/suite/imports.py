"""What a new process pays: the import, and the first hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.peers import installed
from suite.report import Against, Row, at_most, compared
from suite.rounds import Contender, Rounds, once
from suite.setting import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.setting import Setting

__all__ = ["first_hit", "imported"]

#: Those that memopickle must not be slower than.
PEERS = ("diskcache", "joblib")

#: Prints the nanoseconds of an import; nothing else is imported for it.
IMPORT = """
import sys
from time import perf_counter_ns
began = perf_counter_ns()
__import__(sys.argv[1])
print(perf_counter_ns() - began)
"""

#: What makes the decorator ``cached``, given ``folder``.
DECORATORS = {
    "memopickle": f"""
from memopickle import Cache, DirectoryStore
cached = Cache(DirectoryStore(folder), secret={SECRET!r}, on_error="raise").cached
""",
    "diskcache": """
from diskcache import Cache
cached = Cache(folder).memoize()
""",
    "joblib": """
from joblib import Memory
cached = Memory(folder, verbose=0).cache
""",
    "cachier": """
from cachier import cachier
cached = cachier(cache_dir=folder)
""",
    "checkpointer": """
from checkpointer import Checkpointer
cached = Checkpointer(directory=folder, verbosity=0)
""",
    "dogpile.cache": """
from dogpile.cache import make_region
region = make_region().configure("dogpile.cache.dbm", arguments={"filename": folder + "/results"})
cached = region.cache_on_arguments()
""",
}
CALL = """
@cached
def record(number):
    return {"number": number, "city": "paris"}
record(12345)
"""
BARE = "bare interpreter"


def program(name: str) -> str:
    """Return a program that makes one call of a function that a library caches."""
    return f"import sys\nfolder = sys.argv[1]\n{DECORATORS[name]}{CALL}"


def imported(setting: Setting) -> Iterator[Row]:
    """The import alone, measured in the process that makes it."""
    names = ["memopickle", *filter(installed, PEERS)]
    found = [{name: float(setting.fresh.run(IMPORT, name)) for name in names} for _ in range(setting.rounds + 1)]
    against = [Against(name, at_most(1)) for name in PEERS]
    yield from compared("import", Rounds(found[1:]), "memopickle", against)


def first_hit(setting: Setting) -> Iterator[Row]:
    """A process from its start to its end, that makes one call whose result is on disk."""
    programs = {name: program(name) for name in DECORATORS if installed(name)} | {BARE: ""}
    contenders = [
        Contender(name, "run(program, folder)", {"run": setting.fresh.run, "program": text, "folder": setting.folder()})
        for name, text in programs.items()
    ]
    rounds = once(contenders, setting.rounds)
    against = [Against(name, at_most(1) if name in PEERS else None) for name in (*list(DECORATORS)[1:], BARE)]
    yield from compared("process with one disk hit", rounds, "memopickle", against)
