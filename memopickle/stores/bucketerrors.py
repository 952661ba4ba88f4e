"""What obstore's errors mean: the service said no, or failed; and what of their words may be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memopickle.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AlreadyThereError", "ChangedError", "UnsupportedError", "answer_of", "said"]


class AlreadyThereError(StoreError):
    """Another one created the object first. Internal."""


class ChangedError(StoreError):
    """The object is not the one that was to be replaced. Internal."""


class UnsupportedError(StoreError):
    """The service can't do that. Internal."""


def answer_of(error: Exception, place: str, *, is_here: bool) -> StoreError | None:
    """Return what the service said by an error, None if it said nothing, or that it is failing.

    ``is_here``: it is no service but this process or machine, and whatever it raises is its answer.
    """
    kind = "Unsupported" if _is_unsupported(error) else type(error).__name__
    if is_here or kind != "GenericError" or "status code: 4" in str(error):
        return _KINDS.get(kind, _refusal)(said(error), place)
    return None


def said(error: Exception) -> str:
    """Return what an error of obstore's says, in one line and without the address, which may hold a token."""
    text = str(error)
    code = re.search(r"<Code>(\w+)</Code>", text)
    line = text.partition("\n")[0].rpartition(" - ")[2].partition(": <")[0].strip(" :")
    line = re.sub(r"\?\S+", "", line)
    return f"{line}, {code[1]}" if code else line or type(error).__name__


def _refusal(text: str, place: str) -> StoreError:
    return StoreError(
        f"the object store refused ({text}); check the bucket, the credentials and their permissions", place
    )


_KINDS: dict[str, Callable[[str, str], StoreError]] = {
    "AlreadyExistsError": AlreadyThereError,
    "PreconditionError": ChangedError,
    "NotImplementedError": UnsupportedError,
    "NotSupportedError": UnsupportedError,
    "Unsupported": UnsupportedError,
}


def _is_unsupported(error: Exception) -> bool:
    return "status code: 501" in str(error) or "<Code>NotImplemented</Code>" in str(error)
