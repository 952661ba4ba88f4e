"""Where in a result something is, as the person would write it who has the result: ``result['rows'][3].lock``."""

from __future__ import annotations

__all__ = ["attribute", "item", "joined"]

_LONGEST_KEY = 40
_LONGEST = 200  # characters; of a longer path the middle is left out
_SHOWN = frozenset({str, int, bytes, float, bool, type(None)})


def item(key: object) -> str:
    """Return the step to an item of a list or dict; the repr of a user's own type is not asked for."""
    text = repr(key) if type(key) in _SHOWN and not _is_huge(key) else type(key).__name__
    return f"[{text if len(text) <= _LONGEST_KEY else text[: _LONGEST_KEY - 3] + '...'}]"


def attribute(name: object) -> str:
    """Return the step to an attribute."""
    return f".{name}"


def joined(steps: list[str]) -> str:
    """Return the path from the result, which is called that, over these steps."""
    path = "result" + "".join(steps)
    return path if len(path) <= _LONGEST else f"{path[: _LONGEST // 2]}...{path[-_LONGEST // 2 :]}"


def _is_huge(key: object) -> bool:
    # Python refuses to write ints of thousands of digits.
    return isinstance(key, int) and key.bit_length() > _LONGEST
