"""A Redis or Valkey server behind a circuit breaker: every failure is a StoreError, and a lasting one is quick."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from memopickle.errors import ConfigurationError, MemopickleError, StoreError
from memopickle.forking import renew_in_child
from memopickle.stores.breaker import Breaker, ServerDownError
from memopickle.stores.serverurl import masked, parsed, without_cluster

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

__all__ = ["Server"]

_UNLIMITED = 2**31


class Server:
    """Sends commands through a client, made from a URL when first needed, or given.

    Safe between threads. A forked child makes a client of its own; a given one must be safe to use after a fork, as
    those of redis-py and valkey-py are.
    """

    def __init__(self, url_or_client: Any, timeout: float) -> None:
        self._given = None if isinstance(url_or_client, str) else _checked(url_or_client)
        self._timeout = timeout
        self.url: str | None = None
        if self._given is None:
            self.url, self._options = url_or_client, parsed(url_or_client)
        self.place: str = masked(self.url) if self.url is not None else _place(self._given)
        self._breaker = Breaker()
        self._reason = ""
        #: Clients of the parent: finalizing one here could shut down a connection that the parent uses.
        self._inherited: list[Any] = []
        self._client: Any = None
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin with no connection, in a forked child."""
        self._guard = threading.RLock()  # guards the making of the client; a signal handler may ask for it too
        if self._client is not None:
            self._inherited.append(self._client)
        self._client = self._given

    def open(self) -> None:
        """Check that there is a client library; no I/O."""
        if self._given is None:
            _library()

    def ask(self, command: str, *arguments: Any, **options: Any) -> Any:
        """Send a command by the name of the client's method, and return the answer."""
        return self.attempt(lambda client: getattr(client, command)(*arguments, **options))

    def attempt(self, what: Callable[[Any], T], insists: bool = False) -> T:
        """Return what a function of the client returns; raises StoreError, at once while the server is left alone."""
        attempt = self._breaker.enter(insists)
        if attempt is None:
            self._refuse()
        try:
            answer = what(self._client or self._connect(attempt))
        except MemopickleError:
            raise
        except Exception as error:  # noqa: BLE001  whatever a client raises, and each has classes of its own
            self._failed(attempt, error)
        self._breaker.succeeded(attempt)
        return answer

    def close(self) -> None:
        """Close the connections, of a client of our own."""
        client, self._client = self._client, self._given
        if client is not None and client is not self._given:
            client.close()

    def _connect(self, attempt: int) -> Any:
        with self._guard:
            if self._client is None:
                # That of a cluster asks it for its nodes: those who waited here meanwhile need not fail like the first.
                if self._breaker.is_outdated(attempt):
                    self._refuse()
                self._client = _make_client(self.url, self._options, self._timeout)
            return self._client

    def _failed(self, attempt: int, error: Exception) -> NoReturn:
        if _answered(error):
            self._breaker.succeeded(attempt)
            raise StoreError(f"the server refused ({_sentence(error)}); mend that there", self.place) from error
        self._reason = _sentence(error) if "AskError" not in _kinds(error) else "part of a cluster; say ?cluster=1"
        self._breaker.failed(attempt)
        self._drop_idle()
        raise ServerDownError(f"the server can't be used ({self._reason}); start it, or mend the URL", self.place)

    def _refuse(self) -> NoReturn:
        left = self._breaker.remaining()
        raise ServerDownError(f"the server is left alone for {left:.1f} s, as it failed ({self._reason})", self.place)

    def _drop_idle(self) -> None:
        # Else each idle connection that died with the server would cost a failure of its own.
        pool = getattr(self._client, "connection_pool", None)
        if pool is not None and self._given is None:
            pool.disconnect(inuse_connections=False)


def _library() -> Any:
    try:
        import redis
    except ImportError:
        raise ConfigurationError("RedisStore needs a client: pip install 'memopickle[redis]'") from None
    return redis


def _make_client(url: str | None, options: dict[str, str], timeout: float) -> Any:
    redis = _library()
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    cluster = options.get("cluster", "0") not in ("", "0", "false", "no")
    # Protocol 2: no greeting when connecting, and with 3 hiredis does not notice that a server closed a connection.
    settings: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "max_connections": _UNLIMITED,
        "decode_responses": False,
    }
    return (redis.RedisCluster if cluster else redis.Redis).from_url(without_cluster(url or "", options), **settings)


def _checked(client: Any) -> Any:
    """Return a client that was given, if it can be used."""
    if not all(hasattr(client, name) for name in ("mget", "evalsha", "scan_iter", "pipeline")):
        raise ConfigurationError(f"give a redis:// URL or a client as of redis-py or valkey-py, not {type(client)}")
    if ".asyncio" in type(client).__module__:
        raise ConfigurationError(
            "the client is asynchronous, and the store is called from threads; give one such as redis.Redis"
        )
    if client.get_encoder().decode_responses:
        raise ConfigurationError("the client decodes responses; make it with decode_responses=False")
    return client


def _place(client: Any) -> str:
    known = getattr(getattr(client, "connection_pool", None), "connection_kwargs", {})
    host = known.get("path") or f"{known.get('host', '')}:{known.get('port', '')}"
    return f"{type(client).__name__}({host.strip(':')})"


def _answered(error: Exception) -> bool:
    """Tell whether the server is there and refused just this command: memory, wrong type, read-only replica."""
    kinds = _kinds(error)
    return "ResponseError" in kinds and not kinds & {"ClusterDownError", "AskError"}


def _kinds(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}  # by name: redis-py and valkey-py have a class each


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
