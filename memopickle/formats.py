"""From what ``serializer=`` was given to what encodes and decodes results; used at a function's first call."""

from __future__ import annotations

from memopickle.errors import ConfigurationError
from memopickle.serializers import PickleSerializer
from memopickle.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memopickle.serializers import ResultSerializer, UserSerializer

__all__ = ["open_serializer"]

#: The packages that are not ours; each is an extra of the same name.
_PACKAGES = ("cloudpickle", "dill", "msgpack")
_BY_VALUE = ("cloudpickle", "dill")


class _Whole:
    """Writes and reads with the two methods of a serializer that knows of no buffers: json, msgpack, a user's own."""

    def __init__(self, serializer: UserSerializer) -> None:
        self.name = self.form = serializer.name
        self._dumps = serializer.dumps
        self._loads = serializer.loads

    def encode(self, value: Any) -> tuple[tuple[bytes], tuple[()]]:
        return (self.encode_whole(value),), ()

    def encode_whole(self, value: Any) -> bytes:
        data: object = self._dumps(value)
        if not isinstance(data, bytes):
            raise TypeError(f"dumps() of the serializer {self.name!r} returned a {type(data).__name__}, not bytes")
        return data

    def decode(self, stream: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> Any:
        return self._loads(bytes(stream))


def open_serializer(chosen: str | PickleSerializer | UserSerializer) -> ResultSerializer:
    """Return the serializer; ConfigurationError if it needs a package that is not installed. Imports none."""
    if isinstance(chosen, PickleSerializer):
        return chosen
    if not isinstance(chosen, str):
        return _Whole(chosen)
    if chosen in _PACKAGES:
        _require(chosen)
    if chosen in _BY_VALUE:
        from memopickle import byvalue  # what is chosen is imported, and nothing else

        return byvalue.CloudpickleSerializer() if chosen == "cloudpickle" else byvalue.DillSerializer()
    from memopickle import dataformats

    return _Whole(dataformats.JsonSerializer() if chosen == "json" else dataformats.MsgpackSerializer())


def _require(package: str) -> None:
    from importlib.util import find_spec  # at the first call of a function that needs it

    if find_spec(package) is None:
        raise ConfigurationError(
            f"serializer={package!r} needs a package that is not installed; pip install 'memopickle[{package}]'"
        )
