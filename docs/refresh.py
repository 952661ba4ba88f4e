"""Write into the pages what the command line prints: the help of each command, and sessions at two widths.

    python docs/refresh.py           writes
    python docs/refresh.py --check   exits with 1 if a page is not what it would write; figures and ids don't count

What stands between ``<!-- run: ... -->`` and ``<!-- end -->`` is replaced; everything else in a page stays.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

DOCS = Path(__file__).parent
PAGES = [*sorted((DOCS / "reference" / "command-line").glob("*.md")), DOCS / "how-to" / "operate.md"]
BLOCK = re.compile(r"<!-- run: (?P<how>\w+)(?: (?P<words>.*?))? -->\n.*?<!-- end -->", re.DOTALL)
SECRET = "the secret of the sessions in the pages"
DAY = 86400
#: Module, function, options, how many results, how long ago in seconds, how often called again.
FUNCTIONS = [
    ("billing.reports", "totals", {}, 60, 3600, 41),
    ("billing.reports", "quarterly_totals_by_customer", {}, 12, 9 * DAY, 9),
    ("billing.rates", "rate", {"ttl": "1h"}, 30, 2 * DAY, 4),
    ("shipping.prices", "price", {"version": 3}, 25, 600, 0),
]


def main():
    stale = [page for page in PAGES if not refresh(page, "--check" in sys.argv)]
    for page in stale:
        print(f"{page}: not what the command line prints now; run python docs/refresh.py", file=sys.stderr)
    return 1 if stale else 0


def refresh(page, check=False):
    """Bring a page up to date, or, if checking, tell whether it is."""
    before = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="memopickle-docs-") as folder:
        made = []

        def run(block):
            if not made and block["how"] != "help":
                made.append(fill(os.path.join(folder, ".cache")))
            return (
                f"<!-- run: {block['how']} {block['words']} -->\n```console\n{session(block, folder)}```\n<!-- end -->"
            )

        after = BLOCK.sub(run, before)
    if check:
        return stable(after) == stable(before)
    page.write_text(after, encoding="utf-8")
    return True


def stable(text):
    """Return a text without what differs from run to run: ids, figures, and how wide they make a column."""
    text = re.sub(r"[0-9a-f]{6}/[0-9a-f]{8}|\b[0-9a-f]{16,}\S*", "ID", text)
    text = re.sub(r"\d[\d.,:TZ-]*( ?(B|kB|MB|GB|ms|s|min|h|d)\b)?", "N", text)
    return re.sub(r"[ █▏▎▍▌▋▊▉]+", " ", text)


def session(block, folder):
    command = block["words"]
    shown = f"$ memopickle {command}"
    words = [sys.executable, "-m", "memopickle", *re.findall(r"[^\s']+|'[^']*'", command)]
    words = [word.strip("'") for word in words]
    if block["how"] == "help":
        return output([*words, "--help"], folder)
    if block["how"] == "pipe":
        return f"{shown} | cat\n{output(words, folder)}"
    return f"{shown}\n{in_terminal(words, folder, int(block['how'].removeprefix('terminal')))}"


def environment(folder):
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SYSTEMROOT") if name in os.environ}
    ours = {"MEMOPICKLE_SECRET": SECRET, "MEMOPICKLE_CONFIG": os.devnull, "XDG_RUNTIME_DIR": folder, "HOME": folder}
    return {**kept, **ours, "MEMOPICKLE_DIR": ".cache", "LC_ALL": "C.UTF-8", "TERM": "xterm"}


def output(words, folder):
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return tidy(done.stdout, folder)


def in_terminal(words, folder, columns):
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        os.chdir(folder)
        os.execvpe(words[0], words, environment(folder))
    appeared = b""
    try:
        while more := os.read(fd, 65536):
            appeared += more
    except OSError:  # nobody has the other end open any more
        pass
    os.close(fd)
    os.waitpid(pid, 0)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", appeared.decode().replace("\r\n", "\n"))
    return tidy("\n".join(line.rpartition("\r")[2] for line in text.split("\n")), folder)


def tidy(text, folder):
    """Name the place as a reader would have it, and leave nothing at the ends of lines."""
    text = text.replace(os.path.realpath(folder), "/srv/app").replace(folder, "/srv/app")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def fill(path):
    """Make the cache of the sessions: functions whose modules are not here, as on an operator's machine."""
    from memopickle import Cache, DirectoryStore

    store = DirectoryStore(path)
    for module, name, options, count, age, again in FUNCTIONS:
        then = time.time() - age
        cache = Cache(store, namespace="app", secret=SECRET, clock=lambda then=then: then)
        cached = cache.cached(function(module, name), **options)
        for number in range(count):
            for _ in range(1 + again):
                cached(number)
        for info in cache.entries(f"{module}.{name}"):
            os.utime(store.place(info.key), (then, then))
        cache.stats()


def function(module, name):
    def result(number):
        time.sleep(0.002)
        return list(range(number * 40))

    result.__module__, result.__qualname__ = module, name
    return result


if __name__ == "__main__":
    sys.exit(main())
