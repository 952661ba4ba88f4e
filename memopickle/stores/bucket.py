"""A bucket of an object store: obstore's calls with bounded time, their errors as ours, and a pause after a failure."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from operator import methodcaller
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from memopickle.errors import ConfigurationError, StoreError
from memopickle.forking import Guard
from memopickle.stores.breaker import Breaker, ServerDownError
from memopickle.stores.bucketerrors import answer_of, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memopickle.typed import Blob

T = TypeVar("T")

__all__ = ["Bucket", "is_credential"]

_SCHEMES = ("s3", "gs", "az", "memory", "file")
#: Seconds to wait for a connection, as obstore writes it.
_CONNECT = "2s"
_RETRIES = 2
_PAGE = 1000
#: The process in which obstore's threads run, 0 if they don't run yet.
_used_in = 0


class Bucket:
    """Objects by path, below the prefix that a URL names. Safe between threads.

    Every method raises StoreError where the service fails or refuses, without a word from its answer that could hold
    a credential.
    """

    def __init__(self, url: Any, timeout: float, config: dict[str, Any]) -> None:
        self._given = None if isinstance(url, str) else _checked_client(url, config)
        self._url = _checked(url) if isinstance(url, str) else ""
        self._timeout = _positive(timeout)
        self._config = config
        #: For messages.
        self.place: str = self._url or f"{type(url).__name__}({getattr(url, 'prefix', None) or ''})"
        scheme = self._url.partition(":")[0] or _scheme(url)
        #: Whether no other process sees it.
        self.is_private: bool = scheme == "memory"
        #: Whether it is a directory of this machine.
        self.is_local: bool = scheme == "file"
        self._client: Any = None
        self._guard = Guard()  # of the client: two of memory:// would be two places
        self._breaker = Breaker()
        self._reason = ""

    def __reduce__(self) -> tuple[Any, ...]:
        if self._given is not None or any(map(is_credential, self._config)):
            raise TypeError(
                "an ObjectStore can be pickled only if made from a URL, with its credentials from the environment"
            )
        return type(self), (self._url, self._timeout, self._config)

    def check(self) -> None:
        """Make the client and ask for something that is not there.

        StoreError if the bucket does not exist; ConfigurationError for a wrong option. A service that does not
        answer now may later.
        """
        with suppress(ServerDownError):
            self.read("memopickle")

    def read(self, path: str, size: int | None = None) -> Blob | None:
        """Return the (first ``size``) bytes of an object, or None."""
        try:
            if size is None:
                return memoryview(self._ask(lambda client: client.get(path).bytes()))
            return memoryview(self._ask(lambda client: client.get_range(path, start=0, end=size)))
        except FileNotFoundError:
            return None
        except StoreError:
            # Of nothing there is no range.
            if size is not None and (self.describe(path) or {}).get("size") == 0:
                return b""
            raise

    def describe(self, path: str) -> dict[str, Any] | None:
        """Return ``size``, ``e_tag`` and ``version`` of an object, or None."""
        try:
            found: dict[str, Any] = self._ask(lambda client: client.head(path))
        except FileNotFoundError:
            return None
        return found

    def write(
        self, path: str, chunks: list[Blob], expires_at: float | None, mode: Any, *, in_parts: bool = False
    ) -> None:
        """Put an object; the whole of it, or nothing.

        Raises AlreadyThereError and ChangedError if the mode's condition does not hold, UnsupportedError if the
        service takes none.
        """
        if self.is_private:  # which would keep the caller's own memory
            chunks = [b"".join(chunks)]
        attributes = None
        if expires_at is not None and not self.is_local:
            # For the bucket's own tools; a name that every service takes.
            attributes = {"expiry": datetime.fromtimestamp(expires_at, UTC).isoformat(timespec="seconds")}
        try:
            self._ask(lambda client: client.put(path, chunks, mode=mode, attributes=attributes, use_multipart=in_parts))
        except FileNotFoundError as error:
            raise StoreError(said(error), self.place) from None

    def remove(self, paths: list[str]) -> None:
        """Remove objects, many with one request where the service can."""
        try:
            self._ask(lambda client: client.delete(paths))
        except FileNotFoundError:  # one is gone; whether the others are depends on the service
            for path in paths:
                with suppress(FileNotFoundError):
                    self._ask(methodcaller("delete", path))

    def folders(self) -> list[str]:
        """Return the names below which there are objects."""
        found: list[str] = self._ask(lambda client: client.list_with_delimiter())["common_prefixes"]
        return found

    def objects(self, folder: str) -> Iterator[dict[str, Any]]:
        """Iterate over ``path``, ``size`` and ``last_modified`` of the objects in a folder, ``""`` for all."""
        pages = self._ask(lambda client: client.list(folder or None, chunk_size=_PAGE))
        while page := self._ask(lambda _: next(pages, None)):
            yield from page

    # -- asking --------------------------------------------------------------------------------------------------

    def _ask(self, do: Callable[[Any], T]) -> T:
        client = self._connected()
        attempt = self._breaker.enter()
        if attempt is None:
            left = self._breaker.remaining()
            raise ServerDownError(
                f"the object store is left alone for {left:.1f} s, as it failed ({self._reason})", self.place
            )
        try:
            answer = do(client)
        except FileNotFoundError as error:
            self._breaker.succeeded(attempt)
            if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
                raise StoreError("the bucket does not exist; make it, or name another", self.place) from None
            raise
        except Exception as error:  # noqa: BLE001  a Rust library's, of many kinds
            self._raise(error, attempt)
        self._breaker.succeeded(attempt)
        return answer

    def _raise(self, error: Exception, attempt: int) -> NoReturn:
        # Without a cause: obstore's messages go on for pages, and may tell the request with its tokens.
        answer = answer_of(error, self.place, is_here=self.is_local or self.is_private)
        if answer is not None:
            self._breaker.succeeded(attempt)
            raise answer from None
        self._reason = said(error)
        self._breaker.failed(attempt)
        raise ServerDownError(f"the object store can't be used ({self._reason})", self.place) from None

    def _connected(self) -> Any:
        global _used_in  # noqa: PLW0603
        if _used_in not in (0, os.getpid()):
            raise ServerDownError(
                "an object store was used before this process was forked, and would wait for ever in it; start "
                "processes by spawn or forkserver, or use it only after the fork", self.place,
            )  # fmt: skip
        _used_in = os.getpid()
        with self._guard:
            if self._client is None:
                self._client = self._given if self._given is not None else self._made()
            return self._client

    def _made(self) -> Any:
        from_url = _obstore().from_url
        if self.is_private:
            return from_url("memory:///")
        try:
            if self.is_local:
                return from_url(self._url, mkdir=True)
            return from_url(self._url, **self._settings())
        except Exception as error:  # noqa: BLE001
            raise ConfigurationError(f"{self.place}: {said(error)}") from None

    def _settings(self) -> dict[str, Any]:
        limit = timedelta(seconds=self._timeout)
        backoff = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1), "base": 2}
        retries = {"max_retries": _RETRIES, "retry_timeout": limit, "backoff": backoff}
        client: dict[str, Any] = {"connect_timeout": _CONNECT, "timeout": limit}
        if str(self._config.get("endpoint", "")).startswith("http://"):
            client["allow_http"] = True
        return self._config | {
            "client_options": client | self._config.get("client_options", {}),
            "retry_config": retries | self._config.get("retry_config", {}),
        }


def is_credential(name: str) -> bool:
    """Tell whether an option of this name may hold a secret."""
    return bool(re.search("key|secret|token|password|sas|credential|service_account", name.lower()))


def _obstore() -> Any:
    try:
        import obstore.store  # 15 MB of machine code, for those who use it
    except ImportError:
        raise ConfigurationError("ObjectStore needs obstore: pip install 'memopickle[object]'") from None
    return obstore.store


def _checked(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ConfigurationError(
            f"url={scheme!r}...: begin it with one of {', '.join(f'{one}://' for one in _SCHEMES)}"
        )
    if "@" in rest.partition("/")[0] or "?" in rest or "#" in rest:
        raise ConfigurationError(
            f"{scheme}:// URL: give a bucket and a prefix only; credentials come from the environment, and options "
            f"as arguments"
        )
    if scheme not in ("memory", "file") and not rest.strip("/"):
        raise ConfigurationError(f"url={url!r}: name a bucket, as in {scheme}://bucket/prefix")
    return url.rstrip("/") if rest.strip("/") else url


def _checked_client(client: Any, config: dict[str, Any]) -> Any:
    if not all(hasattr(client, name) for name in ("get_range", "list_with_delimiter", "put")):
        raise ConfigurationError(f"url={client!r}: give a URL such as s3://bucket/prefix, or a store of obstore")
    if config:
        raise ConfigurationError(f"{', '.join(config)}: options go with a URL; set them on the store of obstore itself")
    return client


def _scheme(client: Any) -> str:
    return {"MemoryStore": "memory", "LocalStore": "file"}.get(type(client).__name__, "")


def _positive(timeout: float) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < 1e6:  # noqa: PLR2004
        raise ConfigurationError(f"timeout={timeout!r}: give seconds, more than 0")
    return float(timeout)
