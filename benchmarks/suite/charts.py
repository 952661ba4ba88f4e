"""Bar charts as SVG, for light and dark pages: what a table of figures shows, drawn by the command that measured it."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["OWN", "Bar", "bars", "shares"]

WIDTH, SIDE, TOP, ROW, THICK = 720, 20, 80, 30, 18
NAMES = 206  # width of the names at the left
GAP = 8  # between two columns
LABELS = 150  # room at the right of the longest bar, for what it says
STEPS = 6  # marks of a linear scale, at most
OWN = "memopickle"

#: Light and dark, by class.
_COLOURS = {
    "back": ("#ffffff", "#0d1117"), "bar": ("#8c959f", "#6e7681"), "own": ("#00796b", "#4db6ac"),
    "right": ("#2a7f9e", "#3f94b3"), "raised": ("#e8a33d", "#d29922"), "hung": ("#a8b0b8", "#6e7681"),
    "died": ("#57606a", "#9da7b3"), "wrong": ("#cf222e", "#e5534b"), "executed": ("#7a3fc0", "#a371f7"),
}  # fmt: skip
_TEXT = {"text": ("#24292f", "#e6edf3"), ".small": ("#57606a", "#9da7b3")}
_GRID = ("#d0d7de", "#30363d")


#: Of lengths further apart than this, a linear scale would show only the longest.
FAR = 30


class Bar(NamedTuple):
    """A length with its name, and what is written at its end."""

    name: str
    length: float
    label: str


class Scale(NamedTuple):
    """Where a length ends, and the lengths that are marked."""

    ends: Callable[[float], float]
    marks: Sequence[float]


def bars(title: str, axis: str, lines: Sequence[Bar]) -> str:
    """Return a chart of lengths, on a logarithmic scale if they are far apart; ``axis`` says of what."""
    height = TOP + ROW * len(lines) + 14
    shortest, longest = min(line.length for line in lines), max(line.length for line in lines)
    far = longest > FAR * shortest
    scale = _logarithmic(shortest, longest) if far else _linear(longest)
    axis += ", logarithmic" if far else ""
    said = f"{axis}: " + "; ".join(f"{line.name} {line.label}" for line in lines)
    parts = [_small(axis, NAMES, TOP - 26)]
    parts += [_mark(mark, scale.ends(mark), height) for mark in scale.marks]
    for number, line in enumerate(lines):
        parts += _bar(line, TOP + ROW * number, scale.ends(line.length))
    return _svg(title, said, height, parts)


def _logarithmic(shortest: float, longest: float) -> Scale:
    low, high = floor(log10(shortest) - 0.01), ceil(log10(longest) + 0.01)
    width = (WIDTH - NAMES - LABELS) / (high - low)
    return Scale(lambda length: NAMES + width * (log10(length) - low), [10.0**power for power in range(low, high + 1)])


def _linear(longest: float) -> Scale:
    step = 10.0 ** floor(log10(longest))
    step *= next(part for part in (0.2, 0.5, 1, 2) if longest / (step * part) <= STEPS)
    width = (WIDTH - NAMES - LABELS) / longest
    marks = [number * step for number in range(floor(longest / step) + 1)]
    return Scale(lambda length: NAMES + width * length, marks)


def shares(
    title: str, said: str, columns: Sequence[str], kinds: Sequence[str], rows: Mapping[str, Sequence[Mapping[str, int]]]
) -> str:
    """Return a chart with a bar in each row and column, divided into kinds of outcomes; ``said`` is it in words."""
    there = [kind for kind in kinds if any(kind in cell for row in rows.values() for cell in row)]
    top = TOP + 26
    left = NAMES - 56  # the names are shorter than those of works
    width = (WIDTH - left - SIDE + GAP) / len(columns)
    parts = list(_legend(there))
    for number, column in enumerate(columns):
        words = column.split(", ")
        for up, word in enumerate(reversed(words)):
            parts.append(_small(word, left + number * width, top - 10 - 15 * up))
    for line, (name, cells) in enumerate(rows.items()):
        y = top + ROW * line
        parts.append(_name(name, y, SIDE, "start"))
        for number, cell in enumerate(cells):
            parts += _divided(cell, left + number * width, y, width - GAP)
    return _svg(title, said, top + ROW * len(rows) + 6, parts)


def _svg(title: str, said: str, height: int, parts: Iterable[str]) -> str:
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape(said)}</desc>',
        f"<style>\n{_style(0)}\n.name {{ font-weight: 600 }}\n.over {{ stroke-width: 5; paint-order: stroke }}",
        f"@media (prefers-color-scheme: dark) {{\n{_style(1)}\n}}\n</style>",
        f'<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text class="name" x="{SIDE}" y="26">{escape(title)}</text>',
        *parts, "</svg>", "",
    ))  # fmt: skip


def _style(dark: int) -> str:
    fonts = {"text": "font: 13px system-ui, sans-serif; ", ".small": "font-size: 12px; "}
    rules = [f"{name} {{ {'' if dark else fonts[name]}fill: {pair[dark]} }}" for name, pair in _TEXT.items()]
    rules += [f".{name} {{ fill: {pair[dark]} }}" for name, pair in _COLOURS.items()]
    lines = {".grid": _GRID, ".over": _COLOURS["back"]}
    return "\n".join((*rules, *(f"{name} {{ stroke: {pair[dark]} }}" for name, pair in lines.items())))


def _name(name: str, y: float, x: float, anchor: str) -> str:
    kind = ' class="name"' if name == OWN else ""
    return f'<text{kind} text-anchor="{anchor}" x="{x:g}" y="{y + 14:g}">{escape(name)}</text>'


def _small(text: str, x: float, y: float, anchor: str = "start", kind: str = "small") -> str:
    return f'<text class="{kind}" text-anchor="{anchor}" x="{x:.1f}" y="{y:g}">{escape(text)}</text>'


def _mark(value: float, x: float, height: int) -> str:
    line = f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{height - 10}"/>'
    return line + _small(f"{value:,.6g}", x, TOP - 8, "middle")


def _bar(line: Bar, y: int, end: float) -> Iterator[str]:
    kind = "own" if line.name == OWN else "bar"
    yield _name(line.name, y, NAMES - 10, "end")
    yield f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{max(end - NAMES, 1):.1f}" height="{THICK}" rx="2"/>'
    yield _small(line.label, max(end, NAMES) + 6, y + 14, kind="small over")


def _legend(kinds: Iterable[str]) -> Iterator[str]:
    for number, kind in enumerate(kinds):
        x = SIDE + number * 92
        yield f'<rect class="{kind}" x="{x}" y="38" width="12" height="12" rx="2"/>'
        yield _small(kind, x + 18, 48)


def _divided(cell: Mapping[str, int], x: float, y: float, width: float) -> Iterator[str]:
    total = sum(cell.values())
    for kind, number in cell.items():
        part = width * number / total
        yield f'<rect class="{kind}" x="{x:.1f}" y="{y:g}" width="{part:.1f}" height="{THICK}"/>'
        x += part
