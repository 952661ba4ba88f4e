"""Write into docs/reference/errors.md every message of the package's exceptions and warnings, read from its source.

    python docs/messages.py           writes
    python docs/messages.py --check   exits with 1 if the page does not list what the source says

What stands between ``<!-- messages: KINDS in PATTERNS -->`` and ``<!-- end -->`` is replaced; everything else stays.
A message is where an exception of ours is made or a warning is told; its variable parts are shown as ``…``.
"""

import ast
import importlib.util
import re
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = Path(importlib.util.find_spec("memopickle").origin).parent
PAGE = ROOT / "docs" / "reference" / "errors.md"
BLOCK = re.compile(r"<!-- messages: (?P<kinds>\S+) in (?P<patterns>[^\n]+?) -->\n.*?<!-- end -->", re.DOTALL)

#: Calls that make a message: the kind, and which argument the message is.
CALLS = {
    **{
        name: (name, 0)
        for name in (
            "ConfigurationError", "SecretError", "StoreError", "LockTimeoutError", "BadEntryError", "BadSignatureError",
            "BadPayloadError", "UnknownFormatError", "UsageError", "ClickException", "BadParameter",
        )
    },
    "ServerDownError": ("StoreError", 0),
    "UnstorableError": ("UnstorableError", 0),
    "error_class": ("StoreError", 0),  # in snapshots: that of the newest that was refused, or StoreError
    "UnavailableError": ("warning", 0),
    "warn_once": ("warning", 1),
    "warn": ("warning", 0),
    "UnkeyableError": ("UnkeyableError", 2),
    "refuse": ("UnkeyableError", 1),
    "_tell": ("warning", 2),
    "_sentence": ("warning", 0),
    "_refuse": ("ConfigurationError", 3),
}  # fmt: skip
#: Not told to users: the demonstration, and the suite for tests of stores.
ELSEWHERE = ("cli/demo/*", "testing/*")
_ANY = "…"


class Message(NamedTuple):
    """One message: the exception whose it is, or "warning"; the module that makes it; its text."""

    kind: str
    module: str
    text: str


def messages():
    """Return every message of the package, sorted."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        module = str(path.relative_to(PACKAGE))
        if not any(fnmatch(module, pattern) for pattern in ELSEWHERE):
            found.update(messages_of(ast.parse(path.read_text(encoding="utf-8")), module))
    return sorted(found)


def messages_of(tree, module):
    known = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known[node.targets[0].id] = node.value
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        kind, place = CALLS.get(getattr(node.func, "id", None) or getattr(node.func, "attr", None), ("", 0))
        if not kind:
            continue
        said = argument(node, place)
        for text in texts(said, known):
            if len(re.sub(r"\W", "", text)) > 3:  # more than a frame around somebody else's text  # noqa: PLR2004
                yield Message(kind, module, text)


def argument(call, place):
    if len(call.args) > place:
        return call.args[place]
    return next((word.value for word in call.keywords if word.arg in {"message", "reason"}), None)


def texts(node, known):
    """Return what an expression may say: of a function's call what that returns, of a choice both sides."""
    called = known.get(node.func.id) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
    if isinstance(called, ast.FunctionDef):
        returned = (one.value for one in ast.walk(called) if isinstance(one, ast.Return))
        return [text for value in returned for text in texts(value, {})]
    if isinstance(node, ast.Name):
        return texts(known.get(node.id), {})
    if isinstance(node, ast.IfExp):
        return [*texts(node.body, known), *texts(node.orelse, known)]
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else _ANY for part in node.values]
        return [re.sub(f"{_ANY}+", _ANY, "".join(parts))]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def sections(page, said):
    """Return for each section of the page the messages that it lists, those that no later one takes; and the rest."""
    left = list(said)
    found = []
    for block in reversed([*BLOCK.finditer(page)]):
        found.append([one for one in left if takes(block, one)])
        left = [one for one in left if one not in found[-1]]
    return found[::-1], left


def takes(block, one):
    kinds = block["kinds"].split(",")
    is_of_a_kind = kinds == ["*"] or one.kind in kinds
    return is_of_a_kind and any(fnmatch(one.module, pattern) for pattern in block["patterns"].split())


def table(said):
    texts = dict.fromkeys((escape(one.text), one.kind) for one in said)
    rows = "".join(f"| {text} | {kind} |\n" for text, kind in texts)
    return f"| message | kind |\n|---|---|\n{rows}"


def escape(text):
    return re.sub(r"([|*_<\[\]{}`])", r"\\\1", text).strip().replace("\n", " ")


def filled(page, said):
    listed = iter(sections(page, said)[0])
    return BLOCK.sub(
        lambda block: (
            f"<!-- messages: {block['kinds']} in {block['patterns']} -->\n\n{table(next(listed))}\n<!-- end -->"
        ),
        page,
    )


def main():
    said = messages()
    before = PAGE.read_text(encoding="utf-8")
    after = filled(before, said)
    left = sections(before, said)[1]
    for one in left:
        print(f"no section of {PAGE} takes {one}", file=sys.stderr)
    if "--check" in sys.argv:
        return int(after != before or bool(left))
    PAGE.write_text(after, encoding="utf-8")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
