"""What the command line costs on a large cache: 200,000 entries of 40 functions, each command with its time.

    python benchmarks/operate.py [--entries 200000] [--only verify]

Makes the cache in a temporary folder (about 1.2 GB of blocks for 200,000 entries), runs each command as a process of
its own, prints a Markdown table, and removes the folder. Beside the commands it times what they can't do without:
listing the files, and opening and reading the head of each.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from hashlib import sha256

from memopickle import DirectoryStore, Secret
from memopickle.codec import Codec
from memopickle.expiry import NEVER, SECOND
from memopickle.header import Facts
from memopickle.serializers import PICKLE
from memopickle.storekey import function_part, join

SECRET = "a secret of more than 32 bytes for the benchmark"
NAMESPACE = "benchmark"
FUNCTIONS = [f"{package}.part{number}:work" for package in ("pkg", "other") for number in range(20)]
DAY = 86400
#: The payloads: most results are small, some are not.
PAYLOADS = [list(range(40)), "x" * 2000, {"rows": list(range(3000))}]

COMMANDS = {
    "ls --limit": ["ls", "{cache}", "--limit", "20"],
    "ls --function --limit": ["ls", "{cache}", "--function", "pkg.part7.*", "--limit", "20"],
    "ls (all, into a file)": ["ls", "{cache}"],
    "ls --sort largest --limit": ["ls", "{cache}", "--sort", "largest", "--limit", "20"],
    "stats": ["stats", "{cache}"],
    "verify": ["verify", "{cache}"],
    "prune --dry-run": ["prune", "{cache}", "--dry-run"],
    "clear --dry-run": ["clear", "{cache}", "--function", "pkg.*", "--older-than", "7d", "--dry-run"],
    "clear": ["clear", "{cache}", "--function", "pkg.*", "--older-than", "7d", "--yes"],
    "secret rotate": ["secret", "rotate", "{cache}"],
    "clear --all": ["clear", "{cache}", "--all", "--yes"],
}


def main():
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--only", help="only the commands whose name contains this")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memopickle-operate-") as folder:
        cache = os.path.join(folder, "cache")
        made = timed(lambda: fill(cache, given.entries))
        size = occupied(cache) / 1e6
        print(f"{given.entries:,} entries of {len(FUNCTIONS)} functions, {size:,.0f} MB, made in {made:.1f} s\n")
        print("| command | seconds | output ends with |\n|---|---:|---|")
        for name, look in (("(list all files)", list_files), ("(list, open and read 4 kB of each)", read_heads)):
            print(f"| {name} | {timed(lambda look=look: look(cache)):.2f} | |", flush=True)
        for name, command in COMMANDS.items():
            if given.only is None or given.only in name:
                run(name, [word.format(cache=cache) for word in command], folder)


def fill(path, count):
    """Write entries as the store does, without its locks and renames."""
    store = DirectoryStore(path)
    store.open()
    codec = Codec([Secret(SECRET).signer], NAMESPACE, PICKLE)
    now = int(time.time() * SECOND)
    metadata = [metadata_of(name) for name in FUNCTIONS]
    parts = [function_part(NAMESPACE, name) for name in FUNCTIONS]
    for number in range(count):
        which = number % len(FUNCTIONS)
        digest = sha256(b"%d" % number).hexdigest()
        key = join(parts[which], digest, "0123456789abcdef")
        created = now - (number % 300) * DAY * SECOND // 10  # of the last 30 days
        expires = created + 14 * DAY * SECOND if which % 2 else NEVER
        text = metadata[which].replace(b"0" * 16, digest[:16].encode())
        facts = Facts(created, expires, 10**7, metadata=text)
        place = store.place(key)
        if number < len(FUNCTIONS) * 2560:
            os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        write(place, codec.encode(key, PAYLOADS[0 if number % 10 else number // 10 % 3], facts))


def metadata_of(name):
    """Return what an entry of a function says beside its value."""
    import json

    arguments = {"source": "0" * 16, "limit": "f" * 16}
    code = {name: "e" * 16}
    said = {"function": name, "namespace": NAMESPACE, "code": code, "arguments": arguments}
    return json.dumps(said, separators=(",", ":")).encode()


def write(place, chunks):
    """Write one file, whose directory may be missing."""
    try:
        fd = os.open(place, os.O_WRONLY | os.O_CREAT, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(place), mode=0o700)
        fd = os.open(place, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(fd, b"".join(chunks))
    os.close(fd)


def occupied(path):
    """Return the bytes on disk."""
    found = subprocess.run(["du", "-s", "--block-size=1", path], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


def list_files(path):
    """Do what no listing can do without."""
    return sum(len(names) for _, _, names in os.walk(path))


def read_heads(path):
    """Do what no look at all heads can do without."""
    for folder, _, names in os.walk(path):
        for name in names:
            fd = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.read(fd, 4096)
            os.close(fd)


def run(name, command, folder):
    """Run a command and print its row."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MEMOPICKLE_")}
    environment["MEMOPICKLE_CONFIG"] = os.devnull
    if name == "secret rotate":
        environment["MEMOPICKLE_SECRET"] = f"another {SECRET},{SECRET}"
    else:
        environment["MEMOPICKLE_SECRET"] = SECRET
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "memopickle", *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    said = (done.stdout + done.stderr).strip().splitlines()[-1:] or [""]
    last = re.sub(r"\S*/memopickle-operate-\w+/", "", said[0])
    print(f"| `memopickle {' '.join(command).replace(folder + '/', '')}` | {seconds:.2f} | {last[-90:]} |", flush=True)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)


def timed(work):
    """Return the seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
