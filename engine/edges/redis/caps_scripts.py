"""What Redis does in one step with an account of a cap that all servers share, in Lua.

The keys of an account have one hash tag. KEYS[1] is a hash: `shown`, `held`, `late`, `expired`; `wanted`,
when somebody last had too little; and for each server `s:SERVER`, what is lent to it as
`UNITS:UNTIL:HOLD:DEMAND:ORDER`. KEYS[2] has a line for each offer, by when its share is given back, or, of
one that was shown, by minus when that was told. KEYS[3] has the units of an offer where they are not 1,
`early:UNITS` for one told to be shown that no server has told to have been made, and `undone` for one told
not to be delivered before a server told of it. Times are milliseconds of
Redis's own clock; ARGV[1] is added to it.
"""

from typing import Final

from engine.edges.redis.scripts import Script

_ACCOUNT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local account = {shown = 0, held = 0, late = 0, expired = 0, wanted = 0}
local lent = {}
local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
  local server = string.match(fields[at], '^s:(.*)')
  if server then lent[server] = fields[at + 1] else account[fields[at]] = tonumber(fields[at + 1]) end
end
local function units_of(offer) return tonumber(redis.call('HGET', KEYS[3], offer) or 1) end
local function keep(ttl)
  redis.call('HSET', KEYS[1], 'shown', account.shown, 'held', account.held, 'late', account.late,
    'expired', account.expired, 'wanted', account.wanted)
  if ttl ~= '0' then
    for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
  end
end
"""

ORDER: Final = Script(
    _ACCOUNT
    + """
-- ARGV: [2] the server; for how many ms it is lent to (0: it ends), the longest hold in ms; units wanted,
-- the least that is of use, the ceiling; the server's demand; the number of the order, and of the last one
-- answered; [11] how long the account is kept in ms (0 for ever); then of each offer its id, units, and
-- how many ms its share is held.
local server, lease, hold = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted, least, ceiling = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local others, elsewhere, alive, mine, order = 0, 0, 0, 0, 0
for who, line in pairs(lent) do
  local units, till, grace, demand, number = string.match(line, '(%d+):(%d+):(%d+):(%d+):(%d+)')
  if now >= till + grace then units = 0 end
  if who == server then
    mine, order = tonumber(units), tonumber(number)
  elseif now < till + grace then
    others = others + units
    if now < tonumber(till) then alive, elsewhere = alive + 1, elsewhere + demand end
  elseif now >= till + grace + 86400000 then
    redis.call('HDEL', KEYS[1], 's:' .. who)
  end
end
if order < tonumber(ARGV[10]) then return {-1} end
for _, offer in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], 0, now, 'LIMIT', 0, 1000)) do
  account.held, account.expired = account.held - units_of(offer), account.expired + 1
  redis.call('HDEL', KEYS[3], offer)
  redis.call('ZREM', KEYS[2], offer)
end
for at = 12, #ARGV, 3 do
  local offer, units, left = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if not redis.call('ZSCORE', KEYS[2], offer) then
    if left > 0 then
      redis.call('ZADD', KEYS[2], now + left, offer)
      if units ~= 1 then redis.call('HSET', KEYS[3], offer, units) end
      account.held, mine = account.held + units, mine - units
    end
  else
    local told = redis.call('HGET', KEYS[3], offer) or ''
    local early = string.match(told, '^early:(%d+)')
    if early then
      redis.call('HDEL', KEYS[3], offer)
      account.late, account.shown = account.late - 1, account.shown + units - early
      mine = mine - units
    elseif told == 'undone' then
      redis.call('HDEL', KEYS[3], offer)
      redis.call('ZREM', KEYS[2], offer)
      mine = mine - units
    end
  end
end
mine = math.max(mine, 0)
if wanted > mine then
  local pool = ceiling - account.shown - account.held - others
  local fair = math.max(least, math.ceil(pool / (2 * (alive + 1))))
  mine = math.max(mine, math.min(wanted, fair, pool))
  if mine < least then account.wanted = now end
else
  mine = wanted
end
if lease == 0 then
  redis.call('HDEL', KEYS[1], 's:' .. server)
else
  redis.call('HSET', KEYS[1], 's:' .. server, string.format('%d:%d:%d:%d:%d',
    mine, now + lease, hold, ARGV[8], ARGV[9]))
end
keep(ARGV[11])
return {account.shown, account.held, others, mine, now - account.wanted < 2000 and 1 or 0, elsewhere,
  account.late, account.expired}
"""
)
"""Notes what a server has offered and lends it more, or takes back. Returns a `Standing`, or {-1}.

{-1}: Redis has not what the server was told before. At most half of what is free is lent to one of the
servers there are, and at least what is of use.
"""

COUNT: Final = Script(
    _ACCOUNT
    + """
-- ARGV: [2] how long the account is kept in ms (0 for ever), how many ms offers shown are known by their
-- id; then of each offer its id, 1 if it was shown or 0 if it was not delivered, and what it took if no
-- server has told.
for at = 4, #ARGV, 3 do
  local offer, shown, units = ARGV[at], ARGV[at + 1] == '1', tonumber(ARGV[at + 2])
  local score = tonumber(redis.call('ZSCORE', KEYS[2], offer) or '')
  if score and redis.call('HGET', KEYS[3], offer) == 'undone' then score = nil end
  if score and score >= 0 then
    units = units_of(offer)
    account.held = account.held - units
    redis.call('HDEL', KEYS[3], offer)
    redis.call('ZREM', KEYS[2], offer)
  elseif shown and not score then
    account.late = account.late + 1
    redis.call('HSET', KEYS[3], offer, string.format('early:%d', units))
  elseif not score then
    redis.call('HSET', KEYS[3], offer, 'undone')
    redis.call('ZADD', KEYS[2], -now, offer)
  end
  if shown and not (score and score < 0) then
    account.shown = account.shown + units
    redis.call('ZADD', KEYS[2], -now, offer)
  end
end
local old = redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[3] - now, '(0', 'LIMIT', 0, 1000)
if #old > 0 then
  redis.call('ZREM', KEYS[2], unpack(old))
  redis.call('HDEL', KEYS[3], unpack(old))
end
keep(ARGV[2])
return {account.shown, account.held}
"""
)
"""Counts what was shown, once for each offer, and gives back what was not delivered."""

LOOK: Final = Script("""
-- KEYS: how long accounts have been kept without a loss. ARGV: [2] the run that is known to have ended in a
-- loss ('' for none), the run to begin ('' to begin none), for how many ms it is closed, whether nothing
-- is to be counted again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local run = redis.call('HGET', KEYS[1], 'run')
if ARGV[3] ~= '' and (not run or run == ARGV[2]) then
  run = ARGV[3]
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'run', run, 'since', now, 'closed', now + ARGV[4], 'counted',
    ARGV[5])
end
if not run then return nil end
local kept = redis.call('HMGET', KEYS[1], 'closed', 'counted')
return {run, math.max(kept[1] - now, 0), tonumber(kept[2])}
""")
"""Looks at the run of accounts, and begins another if there is none or the known one ended in a loss."""

CLOSE: Final = Script("""
-- KEYS: how long accounts have been kept without a loss. ARGV: [2] the run; then of each cap its key, and
-- for how many ms after the loss it is closed at least.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local kept = redis.call('HMGET', KEYS[1], 'run', 'since', 'closed')
if kept[1] ~= ARGV[2] or not kept[2] then return {} end
local closed, left = tonumber(kept[3]), {}
for at = 3, #ARGV, 2 do
  local field = 'cap:' .. ARGV[at]
  local opens = tonumber(redis.call('HGET', KEYS[1], field) or '0')
  local wanted = kept[2] + ARGV[at + 1]
  if wanted > opens then
    opens = wanted
    redis.call('HSET', KEYS[1], field, string.format('%d', opens))
    if opens > closed then
      closed = opens
      redis.call('HSET', KEYS[1], 'closed', string.format('%d', closed))
    end
  end
  left[#left + 1] = math.max(opens - now, 0)
end
return left
""")
"""Closes each cap for as long as whoever wants it closed for longest; for how many ms they still are."""

MOVE: Final = Script("""
-- KEYS: how long accounts have been kept without a loss. ARGV: [2] the run to begin.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
redis.call('DEL', KEYS[1])
return redis.call('HSET', KEYS[1], 'run', ARGV[2], 'since', now, 'closed', now, 'counted', 0, 'moving', 1)
""")
"""Begins a run that is closed until it is forgotten."""

NOTE: Final = Script("""
-- KEYS: how long accounts have been kept without a loss. ARGV: the run, what is noted in it.
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
return redis.call('HSET', KEYS[1], ARGV[2], 1)
""")
"""Notes something about a run of accounts, unless another has begun."""
