"""Trains a classifier on the digits, going on from its last snapshot; a process of it may be killed at any byte.

Each line on stdin names a directory, and after how many bytes of writing the process that trains is killed (-1: never).
It is forked, so that scikit-learn is imported once; answered with how it ended, and after how many steps it began.
"""

import os
import signal
import sys

import numpy
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from memopickle.snapshots import Snapshots

STEPS = 60
BATCH = 64
SECRET = "t" * 32
images, digits = load_digits(return_X_y=True)


def begin():
    return {"model": SGDClassifier(random_state=0), "random": numpy.random.default_rng(1), "step": 0}


def train(folder, report):
    """Train to the end; the order of the images is drawn at random, and so part of the state."""
    with Snapshots(folder, secret=SECRET, keep=3).every("digits", seconds=0) as checkpoint:
        state = checkpoint.load(None) or begin()
        report(state["step"])
        while state["step"] < STEPS:
            chosen = state["random"].choice(len(images), BATCH, replace=False)
            state["model"].partial_fit(images[chosen], digits[chosen], classes=range(10))
            state["step"] += 1
            checkpoint(state, step=state["step"])


def die_after(budget):
    """Have the process killed by its write that goes beyond so many bytes, which is cut there."""
    write, left = os.write, budget

    def dying(fd, data):
        nonlocal left
        if len(data) >= left:
            write(fd, memoryview(data)[:left])
            os.kill(os.getpid(), signal.SIGKILL)
        left -= len(data)
        return write(fd, data)

    os.write = dying


def obey(folder, budget, writing):
    """Train in this process, which ends by it."""
    send = os.write
    if budget >= 0:
        die_after(budget)
    try:
        train(folder, lambda step: send(writing, b"%d" % step))
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def main():
    for line in sys.stdin:
        folder, budget = line.rsplit(" ", 1)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            obey(folder, int(budget), writing)
        os.close(writing)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(ended, os.read(reading, 20).decode(), flush=True)
        os.close(reading)


if __name__ == "__main__":
    main()
