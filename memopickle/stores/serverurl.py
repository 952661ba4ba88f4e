"""The URL of a Redis server: checked, and shown without its user name and password."""

from __future__ import annotations

from memopickle.errors import ConfigurationError

__all__ = ["has_credentials", "masked", "parsed", "without_cluster"]

_SCHEMES = ("redis", "rediss", "unix")
#: What may follow the ``?`` of a URL, beside options of TLS (``ssl_...``).
_OPTIONS = {"cluster", "db", "username", "password", "client_name", "health_check_interval", "socket_keepalive"}
_ACCOUNT = ("username", "password")


def has_credentials(url: str) -> bool:
    """Tell whether a URL holds a user name or a password."""
    from urllib.parse import parse_qsl

    return "@" in url or any(name in _ACCOUNT for name, _ in parse_qsl(url.partition("?")[2]))


def masked(url: str) -> str:
    """Return a URL without its user name and password, however it was mistyped."""
    from urllib.parse import parse_qsl, urlencode

    scheme = url.partition("://")[0]
    base, _, query = (f"{scheme}://***@{url.rpartition('@')[2]}" if "@" in url else url).partition("?")
    options = [(name, "***" if name in _ACCOUNT else value) for name, value in parse_qsl(query)]
    return f"{base}?{urlencode(options, safe='*/')}" if options else base


def parsed(url: str) -> dict[str, str]:
    """Check a URL, and return the options of its query; ConfigurationError says what is wrong, without a password."""
    from urllib.parse import parse_qsl, urlsplit

    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        parts.port  # noqa: B018  raises for what is no number
    except ValueError:  # which may quote a piece of the password
        raise ConfigurationError(
            f"a {url.partition(':')[0]}: URL with a port that is no number; in a password write / as %2F, @ as %40"
        ) from None
    if parts.scheme not in _SCHEMES or not (parts.path if parts.scheme == "unix" else parts.hostname):
        raise ConfigurationError(f"{masked(url)}: give redis://host:port/0, rediss://host or unix:///path, or a client")
    for name in options:
        if name not in _OPTIONS and not name.startswith("ssl_"):
            raise ConfigurationError(
                f"{masked(url)}: no option {name!r}; there are {', '.join(sorted(_OPTIONS))}, ssl_*"
            )
    return options


def without_cluster(url: str, options: dict[str, str]) -> str:
    """Return the URL with its options but ``cluster``, which is ours."""
    from urllib.parse import urlencode

    query = urlencode({name: value for name, value in options.items() if name != "cluster"})
    return url.partition("?")[0] + (f"?{query}" if query else "")
