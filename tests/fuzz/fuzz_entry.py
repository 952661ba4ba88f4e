"""Coverage-guided fuzzing with atheris: ``python tests/fuzz/fuzz_entry.py [directory] [-runs=20000] [FOLDER]``.

Without a word the decoder of entries is fuzzed; with ``directory``, what reads a cache directory. Begins with what is
kept in tests/fuzz/corpus; what is new goes to FOLDER, where one is given. The other arguments are libFuzzer's. Ends
with an error at the first bytes for which tests/fuzz/targets.py does not hold, and leaves them in ``crash-...``.
"""

import logging
import os
import sys
import tempfile

import atheris

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(os.path.dirname(HERE)), HERE]

with atheris.instrument_imports(include=["memopickle"]):
    import targets


def main(arguments):
    """Fuzz one of the targets."""
    kind = "directory" if "directory" in arguments else "entry"
    options = [one for one in arguments if one.startswith("-")]
    folders = [one for one in arguments if not one.startswith("-") and one != kind]
    logging.disable()
    found = folders or [tempfile.mkdtemp(prefix="fuzz-found-")]
    atheris.Setup([sys.argv[0], *options, *found, os.path.join(HERE, "corpus", kind)], target(kind))
    atheris.Fuzz()


def target(kind):
    """Return what is called with each input."""
    if kind == "entry":
        return targets.entry
    directory = targets.Directory()

    def both(data):
        directory.entry(data)
        directory.names(data)

    return both


if __name__ == "__main__":
    main(sys.argv[1:])
