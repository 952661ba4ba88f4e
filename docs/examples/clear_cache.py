"""Clear a memopickle cache from outside: by function, by age, or what has expired.

    python clear_cache.py CACHE 'billing.rates.*' --older-than 7d --dry-run

Needs nothing but the path of the cache directory. The modules whose functions filled it are not imported (they may be
gone), nothing is unpickled, and the signing secret is not needed. Without --namespace it looks through all namespaces.

Exit code 0: done, also when there was nothing to clear. 1: there is no usable cache at this path. 2: wrong usage.
"""

import argparse
import os
import re
import sys
import time
from datetime import timedelta

from memopickle import Cache, DirectoryStore, MemopickleError, configure

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def main():
    arguments = parse_arguments()
    try:
        cache = open_cache(arguments.cache, arguments.namespace)
        if arguments.dry_run:
            report(selected(cache, arguments))
        else:
            count = cache.clear(arguments.function, older_than=arguments.older_than, expired=arguments.expired)
            print(f"{count} entries removed")
    except (MemopickleError, OSError) as error:
        print(f"clear_cache: {error}", file=sys.stderr)
        return 1
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description="Clear a memopickle cache directory.")
    parser.add_argument("cache", help="the cache directory")
    parser.add_argument(
        "function", nargs="?", help="only this function: its dotted name, or a wildcard such as 'package.module.*'"
    )
    parser.add_argument("--all", action="store_true", help="everything; has to be said when nothing else is")
    parser.add_argument(
        "--older-than", type=age, metavar="AGE", help="only what was stored longer ago than 90s, 12h, 7d or 2w"
    )
    parser.add_argument("--expired", action="store_true", help="only what outlived the ttl it was stored under")
    parser.add_argument("--namespace", metavar="NAME", help="only this namespace (default: all)")
    parser.add_argument("--dry-run", action="store_true", help="list what would be removed, and remove nothing")
    arguments = parser.parse_args()
    chosen = (arguments.function, arguments.older_than, arguments.expired or None, arguments.namespace)
    if arguments.all == any(one is not None for one in chosen):
        parser.error("say what to clear: a function, --older-than, --expired or --namespace; or --all, alone")
    if arguments.expired and arguments.older_than is not None:
        parser.error("--expired and --older-than: give one of them")
    return arguments


def age(text):
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age such as 90s, 12h, 7d or 2w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def open_cache(path, namespace):
    """Return the cache; one with ``namespace`` None sees all of them."""
    # A decorated function makes its cache directory at the first call. Clearing must not: the path may be a slip.
    if not os.path.isdir(path):
        raise FileNotFoundError(f"there is no cache directory at {path}")
    store = DirectoryStore(path)
    store.open()  # says so if it can't be read
    return configure(store) if namespace is None else Cache(store, namespace=namespace)


def selected(cache, arguments):
    """Return what would be removed: for each key its entry, or None where the entry is damaged."""
    entries = {entry.key: entry for entry in cache.entries(arguments.function)}
    if arguments.older_than is not None or arguments.expired:
        return {key: entry for key, entry in entries.items() if outlived(entry, arguments, time.time())}
    # Without a look at times whole functions go, with those of their entries that can't be read.
    functions = {function_of(key) for key in entries}
    return {key: entries.get(key) for key in cache.store.keys("") if arguments.all or function_of(key) in functions}


def outlived(entry, arguments, now):
    if arguments.expired:
        return entry.expires is not None and entry.expires <= now
    return entry.created <= now - arguments.older_than.total_seconds()


def function_of(key):
    return key.partition("/")[0]


def report(found):
    for line in sorted(describe(entry) for entry in found.values()):
        print(line)
    print(f"{len(found)} entries would be removed")


def describe(entry):
    if entry is None:
        return "(damaged)"
    stored = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.created))
    return f"{entry.function}  stored {stored}  {entry.size:,} bytes"


if __name__ == "__main__":
    sys.exit(main())
