"""Parse the standard library in parallel, once: which kinds of syntax does it use most?

    python count_nodes.py [CACHE]        run it twice: the second time no file is parsed

The processes share one cache. A file's contents are the argument, so that an edited file is parsed again, and equal
files (the many empty ``__init__.py``) are parsed once, whichever process comes first.
"""

import ast
import os
import sys
import sysconfig
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from memopickle import Cache, DirectoryStore


def count_nodes(source):
    """Return how many nodes of each kind a file's syntax tree has."""
    return Counter(type(node).__name__ for node in ast.walk(ast.parse(source)))


def count_file(path, place):
    """Return the counts of one file and whether they were computed; runs in a worker process."""
    cached = Cache(DirectoryStore(place), namespace="nodes").cached(count_nodes)
    return cached(Path(path).read_bytes()), cached.cache_info().misses


def main(place=".cache", folder=None):
    folder = Path(folder or sysconfig.get_path("stdlib"))
    files = [path for path in sorted(folder.rglob("*.py")) if not {"test", "tests", "site-packages"} & {*path.parts}]
    begun = time.perf_counter()
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = list(pool.map(partial(count_file, place=place), files, chunksize=20))
    total = sum((counts for counts, _ in results), Counter())
    for kind, count in total.most_common(5):
        print(f"{count:>9,} {kind}")
    computed = sum(misses for _, misses in results)
    print(f"{len(files)} files, {computed} parsed, {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
