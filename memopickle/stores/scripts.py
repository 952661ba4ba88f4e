"""What RedisStore does in one step on the server: Lua scripts, sent by digest.

The keys of a function share a hash tag, and so a slot of a cluster. Beside the values it has a *generation*: a random
token that is part of their names, so that changing it clears them all. A computation under way is a member of its
key's *claims*, ``generation + token``: while it is there, and the generation is the same, the key was neither cleared
nor invalidated. If the server evicts or forgets any of these, a value is not stored; never is an old one brought back.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memopickle.stores.server import Server

__all__ = ["ACQUIRE", "BEGIN", "CLAIM", "CLEAR", "DELETE", "HELD", "PUBLISH", "RELEASE", "RENEW", "Script"]


class Script:
    """A script that the server knows by its digest, once it was sent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, server: Server, keys: list[bytes], *arguments: bytes | int, insists: bool = False) -> Any:
        """Return what the script returns; raises StoreError. ``insists`` as for the circuit breaker."""
        return server.attempt(lambda client: self._run(client, keys, arguments), insists)

    def _run(self, client: Any, keys: list[bytes], arguments: tuple[bytes | int, ...]) -> Any:
        try:
            return client.evalsha(self._digest, len(keys), *keys, *arguments)
        except Exception as error:
            if type(error).__name__ != "NoScriptError":
                raise
        return client.eval(self._text, len(keys), *keys, *arguments)  # it was restarted, or a cluster has a new node


_GENERATION = """
local generation = redis.call('GET', KEYS[1])
if not generation then
  generation = ARGV[1]
  redis.call('SET', KEYS[1], generation)
end
"""

#: generation; new generation -> generation
BEGIN = Script(_GENERATION + "return generation")

#: generation, claims; new generation, token, ms of claims -> generation
CLAIM = Script(
    _GENERATION
    + """
redis.call('SADD', KEYS[2], generation .. ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return generation
"""
)

#: generation, claims, lock; new generation, token, ms of claims, ms of lease, holder waited for -> state, name
#: The lock holds its holder's name; after a release, for a moment, the name behind a minus: its end was proper.
ACQUIRE = Script(
    _GENERATION
    + """
local mine = generation .. ARGV[2]
local held = redis.call('GET', KEYS[3])
local passed = held == '-' .. ARGV[5]
local free = not held or held == mine or string.sub(held, 1, 1) == '-'
if not free and string.sub(held, 1, #generation) == generation then
  return {'busy', held}
end
redis.call('SADD', KEYS[2], mine)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if passed then
  return {'passed', mine}
end
redis.call('SET', KEYS[3], mine, 'PX', ARGV[4])
return {'ours', mine}
"""
)

_CLAIMED = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 0 then
  return 0
end
"""

#: generation, claims; generation, name -> 1, or 0 if the key was cleared or invalidated
HELD = Script(_CLAIMED + "return 1")

#: generation, claims, lock; generation, name, ms of claims, ms of lease (0: there is no lock) -> as HELD
#: A lease that ran out (the machine slept) and that nobody took is had again.
RENEW = Script(
    _CLAIMED
    + """
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if ARGV[4] ~= '0' then
  local held = redis.call('GET', KEYS[3])
  if not held or held == ARGV[2] then
    redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[4])
  end
end
return 1
"""
)

#: generation, claims, value; generation, name, ms to live (0: for ever), bytes -> as HELD
PUBLISH = Script(
    _CLAIMED
    + """
redis.call('SREM', KEYS[2], ARGV[2])
if ARGV[3] == '0' then
  redis.call('SET', KEYS[3], ARGV[4])
else
  redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[3])
end
return 1
"""
)

#: claims, lock; name, ms for which those who wait can see that it ended
RELEASE = Script(
    """
redis.call('SREM', KEYS[1], ARGV[1])
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('SET', KEYS[2], '-' .. ARGV[1], 'PX', ARGV[2])
end
return 1
"""
)

#: generation, claims, lock, value; generation that the value's name was made with -> generation, removed
DELETE = Script(
    """
local generation = redis.call('GET', KEYS[1]) or ''
redis.call('UNLINK', KEYS[2], KEYS[3])
if generation ~= ARGV[1] then
  return {generation, 0}
end
return {generation, redis.call('UNLINK', KEYS[4])}
"""
)

#: generation; new generation -> the one before. Also where somebody put another type of value there.
CLEAR = Script(
    """
local old = redis.pcall('GET', KEYS[1])
if not old then
  return false
end
redis.call('SET', KEYS[1], ARGV[1])
if type(old) ~= 'string' then
  return false
end
return old
"""
)
