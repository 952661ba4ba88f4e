"""The secrets that a command verifies with; looking never makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memopickle.errors import SecretError
from memopickle.secretfile import secret_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.signing import Signer

__all__ = ["signers_for"]


def signers_for(keys: Sequence[str]) -> list[Signer]:
    """Return the configured signers; SecretError if there is none, but entries to be verified."""
    source = secret_source()
    if keys and not source.exists:
        raise SecretError(
            f"there is no secret to verify with ({source.path} does not exist); set "
            "MEMOPICKLE_SECRET or MEMOPICKLE_SECRET_FILE to the one that the entries were signed with"
        )
    return source.signers()
