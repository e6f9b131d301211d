"""What is done inside the Valkey server, so that it happens in one step, and by one clock: the server's.

A bucket is three numbers of 8 bytes under one key: how much was used, when, and how fast that comes
back, in a second. A full one is no key at all. The slots of a name are a sorted set of those who have
taken them, by the time at which they end unless they are taken again. Numbers with fractions come back
as text, because the server would cut them off.
"""

from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
"""

_BUCKETS: Final = (
    _NOW
    + """
local function used_of(key)
  local kept = redis.call('GET', key)
  if not kept then return 0 end
  local used, at, rate = struct.unpack('<ddd', kept)
  return math.max(0, used - math.max(0, now - at) * rate)
end
local function keep(key, used, rate)
  if used > 0 then
    local ends = math.min(math.ceil(used / rate * 1000) + 1000, 1e12)
    redis.call('SET', key, struct.pack('<ddd', used, now, rate), 'PX', string.format('%.0f', ends))
  else
    redis.call('DEL', key)
  end
end
"""
)

DRAW: Final = (
    _BUCKETS
    + """
local slack = tonumber(ARGV[1])
local used, refused = {}, 0
local function of(i, what) return tonumber(ARGV[4 * i - 3 + what]) end
for i, key in ipairs(KEYS) do
  used[key] = used[key] or used_of(key)
  if refused == 0 then
    if used[key] + of(i, 3) > of(i, 1) * (1 + slack) then
      refused = i
    else
      used[key] = used[key] + of(i, 3)
    end
  end
end
local more = {}
for i, key in ipairs(KEYS) do
  more[i] = 0
  if refused == 0 then
    more[i] = math.max(0, math.min(of(i, 4), (of(i, 1) - used[key]) / 10))
    used[key] = used[key] + more[i]
  elseif i < refused then
    used[key] = used[key] - of(i, 3)
  end
end
local answer = {refused}
for i, key in ipairs(KEYS) do
  keep(key, used[key], of(i, 1) / of(i, 2))
  answer[2 * i] = string.format('%.17g', used[key])
  answer[2 * i + 1] = string.format('%.17g', more[i])
end
return answer
"""
)
"""Draw from all buckets, or from none. `ARGV`: the slack, then for each key `most`, `seconds`, what is
needed, and how much more is wished for: of that, as much as leaves enough for others. Gives back the
place of the first that did not fit, from 1 (0 for none), then for each key what is used now, and how
much more was given.
"""

PUT_BACK: Final = (
    _BUCKETS
    + """
for i, key in ipairs(KEYS) do
  local most, seconds, amount = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  keep(key, math.max(0, used_of(key) - amount), most / seconds)
end
return 1
"""
)
"""Give back to buckets. `ARGV`: for each key `most`, `seconds` and the amount."""

ENTER: Final = (
    _NOW
    + """
local lifetime = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.6f', now))
  if redis.call('ZCARD', key) >= tonumber(ARGV[2 * i]) then
    for j = 1, i - 1 do redis.call('ZREM', KEYS[j], ARGV[2 * j + 1]) end
    return i
  end
  redis.call('ZADD', key, string.format('%.6f', now + lifetime), ARGV[2 * i + 1])
  redis.call('EXPIRE', key, math.ceil(lifetime) + 1)
end
return 0
"""
)
"""Take one slot under each key, or none. `ARGV`: how long they last, then for each key `most`, and who
takes it. Gives back the place of the first that is full, from 1; 0 for none.
"""

HOLD: Final = (
    _NOW
    + """
local lifetime = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, string.format('%.6f', now + lifetime), ARGV[i + 1])
  redis.call('EXPIRE', key, math.ceil(lifetime) + 1)
end
return 1
"""
)
"""Keep slots that are taken, also where the server has forgotten them. `ARGV`: how long, then for each key
who.
"""

LEAVE: Final = """
for i, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[i]) end
return 1
"""
"""Give slots back. `ARGV`: for each key who had taken it."""

IN_USE: Final = (
    _NOW
    + """
return redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.6f', now), '+inf')
"""
)
"""How many slots are taken under a key."""

PUBLISH: Final = (
    _NOW
    + """
local till = string.format('%.6f', now + tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], 'GT', till, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
redis.call('EXPIRE', KEYS[1], 86400)
return redis.call('ZSCORE', KEYS[1], ARGV[1]) or till
"""
)
"""Add a hint. `ARGV`: the hint, for how many seconds it holds, how many are kept. Gives back until when."""

HINTS: Final = (
    _NOW
    + """
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.6f', now), '+inf', 'WITHSCORES')
local answer = {}
for i = 1, #found, 2 do
  answer[#answer + 1] = found[i]
  answer[#answer + 1] = found[i + 1]
  answer[#answer + 1] = string.format('%.6f', tonumber(found[i + 1]) - now)
end
return answer
"""
)
"""All hints that hold: each with until when, and for how many seconds still."""
