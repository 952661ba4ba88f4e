"""Where in a TOML text a setting stands, for messages: ``tomllib`` keeps no lines."""

from __future__ import annotations

import re

__all__ = ["line_of"]

_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_PART = re.compile(r"""\s*["']?([\w-]+)["']?\s*""")


def line_of(text: str, table: str, key: str = "", index: int = 0) -> int:
    """Return the line of a key, or of its table's header if it isn't found, or 1.

    Args:
        text: the file.
        table: its dotted name, ``""`` for the top of the file.
        key: a key in the table; ``""`` for the header.
        index: which table of this name, for arrays of tables.

    """
    lines = text.splitlines()
    here, seen, header = "", -1 if table else 0, 0
    for number, line in enumerate(lines, 1):
        found = _HEADER.fullmatch(line)
        if found:
            here = _normal(found[1])
            seen += here == table
            header = number if here == table and seen == index and not header else header
        elif here == table and seen == index and key and _begins_with(line, key):
            return number
    return header or _anywhere(lines, key) or 1


def _begins_with(line: str, key: str) -> bool:
    part = _PART.match(line)
    return part is not None and part[1] == key and line[part.end() : part.end() + 1] in ("=", ".")


def _anywhere(lines: list[str], key: str) -> int:
    """Return the first line with such a key: inline tables and dotted keys."""
    wanted = re.compile(rf"""\b{re.escape(key)}["']?\s*=""")
    return next((number for number, line in enumerate(lines, 1) if key and wanted.search(line)), 0)


def _normal(name: str) -> str:
    return ".".join(part.strip(" \t\"'") for part in name.split("."))
