"""What tests/faults/victim.py is for a cache, for snapshots: forks, on command, a process that may be killed."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

import victim

from memopickle import signed
from memopickle.snapshots import Snapshots

SECRET = "v" * 32


def snapshots(folder):
    os.environ["XDG_RUNTIME_DIR"] = f"{folder}/runtime"
    return Snapshots(f"{folder}/snapshots", secret=SECRET, keep=2)


def state(name):
    return [name] * 1000


def prepare(folder):
    for name in ("one", "two"):
        snapshots(folder).save("run", state(name))
    signed.dump(state("two"), f"{folder}/value", SECRET)


def dump(folder):
    signed.dump(state("three"), f"{folder}/value", SECRET, durable=True)


def save(folder):
    snapshots(folder).save("run", state("three"))


def session(folder):
    with (of := snapshots(folder).session("run", default=state("none"))):
        of.state = state("three")


def rollback(folder):
    snapshots(folder).rollback("run")


def delete(folder):
    snapshots(folder).delete("run")


def look(folder):
    """Say what a process finds, and what it then saves."""
    of = snapshots(folder)
    found = of.load("run", None)
    history = [info.good for info in of.history("run")]
    of.save("run", state("next"))
    value = signed.load(f"{folder}/value", SECRET) if os.path.exists(f"{folder}/value") else None
    return {"found": found and found[0], "whole": not found or found == state(found[0]), "good": history,
            "then": of.load("run")[0], "value": value and value[0]}  # fmt: skip


TASKS = {task.__name__: task for task in (prepare, save, session, rollback, delete, dump, look)}


def warm_up():
    with tempfile.TemporaryDirectory() as folder:
        for task in (prepare, save, session, rollback, dump, look, delete):
            task(folder)


if __name__ == "__main__":
    victim.TASKS, victim.warm_up = TASKS, warm_up
    victim.main()
