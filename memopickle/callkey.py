"""From a call to its store key: bind the arguments, encode them, add what else identifies the result."""

from __future__ import annotations

from functools import partial
from types import FunctionType

from blake3 import blake3

from memopickle import keys
from memopickle.binder import Binder, make_binder
from memopickle.code import code_digest
from memopickle.errors import UnkeyableError
from memopickle.fingerprint import NO_VALUES
from memopickle.header import FORMAT
from memopickle.serializers import PICKLE, serializer_name
from memopickle.signing import frame
from memopickle.storekey import function_part, variant_part
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from memopickle.fingerprint import Fingerprint
    from memopickle.options import Options

__all__ = ["CAPTURED", "CallKeys"]

#: Stands, among the digests of a call's arguments, for the values that the function has captured.
CAPTURED = "(captured variables)"

_DOMAIN = b"memopickle arguments"


class CallKeys:
    """Makes the keys of one function's calls. Immutable in use, shared by all threads."""

    def __init__(
        self, function: Callable[..., Any], identity: Fingerprint, options: Options, namespace: str, serializer: str
    ) -> None:
        binder = make_binder(function, options.ignore, _has_key)
        self.binder: Binder = binder
        #: Returns the values of a call that take part in its key; TypeError for a wrong call.
        self.bind: Callable[..., tuple[Any, ...]] = binder.bind
        #: The user's ``key=``, whose answer stands in for these values.
        self.by: Callable[..., object] | None = options.key
        #: What every key of this function begins with.
        self.prefix: str = function_part(namespace, identity.name)
        #: The short digest of each function, class or file whose code or content counts, by name.
        self.code_parts: dict[str, str] = identity.parts
        self._captured = {} if identity.captured == NO_VALUES else {CAPTURED: identity.captured[:8].hex()}
        self._described: dict[str, Any] = {"function": identity.name, "namespace": namespace, "code": identity.parts}
        if options.version is not None:
            self._described["version"] = options.version
        name = serializer_name(options.serializer)
        if name != PICKLE.name:
            self._described["serializer"] = name  # for those who verify entries of all functions
        self._variant = _variant(identity, options.version, serializer)
        #: The variants of the versions that can be migrated from.
        self._older = {version: _variant(identity, version, serializer) for version in options.migrate}
        self._names = binder.names if options.key is None else ("key",)
        self._form: bytes | None = None
        self._state = _state(self._names, identity, options.key)

    def values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return what identifies a call; TypeError if the call is wrong."""
        bound = self.bind(*args, **kwargs)
        return bound if self.by is None else (self.by(*args, **kwargs),)

    def key(self, values: tuple[Any, ...]) -> str:
        """Return the store key; UnkeyableError names the parameter at fault."""
        state = self._state.copy()
        try:
            state.update(keys.encode(values))
        except UnkeyableError:
            for name, value in zip(self._names, values, strict=True):
                keys.encode(value, name)  # raises again, with the name of the parameter
            raise
        return f"{self.prefix}/{state.digest().hex()}.{self._variant}"

    def of_version(self, key: str, version: int) -> str:
        """Return the key that a call had under an older version."""
        return key.removesuffix(self._variant) + self._older[version]

    def describe(self, values: tuple[Any, ...]) -> Callable[[], bytes]:
        """Return what makes an entry's metadata: readable names, and which argument has which digest, now."""
        digests = tuple(map(keys.short_digest, values))
        return partial(self._metadata, digests) if self._form is None else partial(self._form.__mod__, digests)

    def _metadata(self, digests: tuple[bytes, ...]) -> bytes:
        return self._make_form() % digests

    def _make_form(self) -> bytes:
        # Made once, as all but the digests is the same for every call of the function: JSON's encoder takes longer.
        import json  # on a miss only; and when storing, where a failure (no descriptors left) costs just that

        fixed = json.dumps(self._described, separators=(",", ":"))[:-1].replace("%", "%%")
        arguments = [*dict.fromkeys(self._names, "%s").items(), *self._captured.items()]
        written = ",".join(f'{json.dumps(name)}:"{digest}"' for name, digest in arguments)
        self._form = f'{fixed},"arguments":{{{written}}}}}'.encode()
        return self._form

    def digests(self, values: tuple[Any, ...]) -> dict[str, str]:
        """Return the short digest of each argument, by parameter, to tell which one differs between two calls."""
        digests = [keys.short_digest(value).decode() for value in values]
        return dict(zip(self._names, digests, strict=True)) | self._captured


def _has_key(value: object) -> bool:
    try:
        keys.encode(value)
    except UnkeyableError:
        return False
    return True


def _variant(identity: Fingerprint, version: int | str | None, serializer: str) -> str:
    """Return the part of the key that keeps formats, serializers and versions (or else code) from meeting."""
    kind = "code" if version is None else type(version).__name__
    which = identity.code if version is None else str(version).encode("utf-8", "surrogatepass")
    return variant_part(FORMAT.to_bytes(2, "little"), serializer.encode(), kind.encode(), which)


def _state(names: tuple[str, ...], identity: Fingerprint, by: Callable[..., Any] | None) -> blake3:
    """Return a hash state that has seen all that the arguments' digest depends on, but the arguments."""
    # The code of key= counts: another rule for what identifies a call must not find the entries of this one.
    rule = code_digest(by) if isinstance(by, FunctionType) else b""
    version = keys.KEY_FORMAT.to_bytes(2, "little")
    return blake3(frame(_DOMAIN, version, identity.captured, rule, *(name.encode() for name in names)))
