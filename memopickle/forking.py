"""Locks in a forked child: whoever held them exists in the parent only, so the child begins with new ones."""

from __future__ import annotations

import os
from _thread import RLock
from _weakrefset import WeakSet  # what weakref re-exports among much else, and threading imports too

from memopickle.typed import Protocol

__all__ = ["Guard", "Renewable", "renew_in_child"]


class Renewable(Protocol):
    """Something with locks."""

    def renew(self) -> None:
        """Make the locks anew; called in a forked child, where only the forking thread lives on."""
        ...


_all: WeakSet[Renewable] = WeakSet()


def renew_in_child(owner: Renewable) -> None:
    """Have ``owner.renew()`` called in every child forked from now on, as long as the owner lives."""
    _all.add(owner)


def _renew_all() -> None:
    for owner in list(_all):
        owner.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


class Guard(RLock):  # type: ignore[misc]  # final for typeshed, a base class for CPython
    """A re-entrant lock, for ``with``, that is free in a forked child.

    It enters and leaves in C: an interrupt between the steps of a Python method would leave it locked for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin with a free lock."""
        self._at_fork_reinit()  # type: ignore[attr-defined]
