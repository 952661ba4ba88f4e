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

PEERS = ("diskcache", "joblib")

#: Prints the nanoseconds of an import; nothing else is imported for it.
IMPORT = """
import sys
from time import perf_counter_ns
began = perf_counter_ns()
__import__(sys.argv[1])
print(perf_counter_ns() - began)
"""

HITS = {
    "memopickle": f"""
import sys
from memopickle import Cache, DirectoryStore
cache = Cache(DirectoryStore(sys.argv[1]), secret={SECRET!r}, on_error="raise")
@cache.cached
def record(number):
    return {{"number": number, "city": "paris"}}
record(12345)
""",
    "diskcache": """
import sys
from diskcache import Cache
cache = Cache(sys.argv[1])
@cache.memoize()
def record(number):
    return {"number": number, "city": "paris"}
record(12345)
""",
    "joblib": """
import sys
from joblib import Memory
@Memory(sys.argv[1], verbose=0).cache
def record(number):
    return {"number": number, "city": "paris"}
record(12345)
""",
    "bare interpreter": "",
}


def imported(setting: Setting) -> Iterator[Row]:
    """The import alone, measured in the process that makes it."""
    names = ["memopickle", *filter(installed, PEERS)]
    found = [{name: float(setting.fresh.run(IMPORT, name)) for name in names} for _ in range(setting.rounds + 1)]
    against = [Against(name, at_most(1)) for name in PEERS]
    yield from compared("import", Rounds(found[1:]), "memopickle", against)


def first_hit(setting: Setting) -> Iterator[Row]:
    """A process from its start to its end, that makes one call whose result is on disk."""
    contenders = []
    for name, program in HITS.items():
        if name in PEERS and not installed(name):
            continue
        scope = {"run": setting.fresh.run, "program": program, "folder": setting.folder()}
        contenders.append(Contender(name, "run(program, folder)", scope))
    rounds = once(contenders, setting.rounds)
    against = [*(Against(name, at_most(1)) for name in PEERS), Against("bare interpreter")]
    yield from compared("process with one disk hit", rounds, "memopickle", against)
