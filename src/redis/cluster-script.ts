/**
 * The operations of the cluster as one Lua script: what `runOnStore` does, line for line, with records in a hash.
 * KEYS: records, meta (the position), votes, audit. ARGV: the channel, the operation as JSON, "publish" or "return"
 * (the messages, for the client to sign). Answers a header as JSON, the entries, the messages.
 *
 * `cjson` keeps 14 digits: every number here is below 1e14. A field that holds no record counts as none.
 */
export const CLUSTER_SCRIPT = `
local records, meta, votes, audit = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, op, mode = ARGV[1], cjson.decode(ARGV[2]), ARGV[3]
local verb, base = op['do'], op.base
local sharded = redis.REDIS_VERSION_NUM ~= nil and redis.REDIS_VERSION_NUM >= 0x00070000
if verb == 'hello' then return {cjson.encode({sharded = sharded}), {}, {}} end

local FUTURE_MS, LONGEST_OPEN_MS, SAME_END_MS, AUDIT_LENGTH = 604800000, 86400000, 1000, 1000
local RANK = {closed = 0, half_open = 1, open = 2}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local messages = {}

local function nothing()
  return {e = 0, f = 0, v = 0, s = 'closed', ou = 0, pl = '', pu = 0, fr = '', fa = 0,
    i = '', ia = 0, iv = 0, o = '', t = 0}
end

local function isCount(n)
  return type(n) == 'number' and n >= 0 and n < 1e14 and n == math.floor(n)
end

local function isRecord(r)
  if type(r) ~= 'table' or RANK[r.s] == nil or not (r.f == 0 or r.f == 1) then return false end
  for _, name in ipairs({'e', 'v', 'ou', 'pu', 'fa', 'ia', 'iv', 't'}) do
    if not isCount(r[name]) then return false end
  end
  for _, name in ipairs({'pl', 'fr', 'i', 'o'}) do
    if type(r[name]) ~= 'string' then return false end
  end
  return true
end

local function read(key)
  local text = redis.call('HGET', records, key)
  if not text then return nothing() end
  local ok, held = pcall(cjson.decode, text)
  if ok and isRecord(held) then return held end
  return nothing()
end

local function base36(n)
  local digits = ''
  repeat
    local digit = n % 36
    digits = string.sub('0123456789abcdefghijklmnopqrstuvwxyz', digit + 1, digit + 1) .. digits
    n = math.floor(n / 36)
  until n == 0
  return digits
end

-- A foreign value at a key fails every operation, before anything is written, and so shows.
for _, key in ipairs({records, votes}) do redis.call('HGET', key, '') end
local held = redis.call('HMGET', meta, 'n', 'g', 'lv')
local n, g, lv = held[1], tonumber(held[2] or ''), tonumber(held[3] or '')
if not n or n == '' or not isCount(g) or not isCount(lv) then
  n, g, lv = base36(now) .. '-' .. op.by, 0, 0
  redis.call('HSET', meta, 'n', n, 'g', g, 'lv', lv)
end

local function reply(outcome, record, entries)
  local header = {outcome = outcome, at = now, position = {n = n, g = g, lv = lv}, record = record,
    sharded = sharded, listed = entries ~= nil}
  return {cjson.encode(header), entries or {}, messages}
end

local function write(key, record, recovered)
  g, lv = g + 1, record.v
  redis.call('HSET', records, key, cjson.encode(record))
  redis.call('HSET', meta, 'g', g, 'lv', lv)
  redis.call('HDEL', votes, key)
  local message = cjson.encode({p = 1, k = 'write', position = {n = n, g = g, lv = lv}, key = key,
    record = record, recovered = recovered})
  if mode == 'return' then messages[#messages + 1] = message
  else redis.call(sharded and 'SPUBLISH' or 'PUBLISH', channel, message) end
  if verb == 'force' or verb == 'reset' then
    -- An audit that cannot be written must not keep anybody from a reset.
    redis.pcall('XADD', audit, 'MAXLEN', '~', AUDIT_LENGTH, '*', 'do', verb, 'key', key, 'by', op.by,
      'why', op.note, 'e', record.e, 'v', record.v, 'at', now)
  end
  return reply('written', record)
end

local function isHeld(r) return r.f == 1 or r.s ~= 'closed' end
local function isEndless(r) return r.f == 1 and r.ou == 0 end

local function compare(a, b)
  for _, name in ipairs({'e', 'f', 'v'}) do
    if a[name] ~= b[name] then return a[name] - b[name] end
  end
  if a.s ~= b.s then return RANK[a.s] - RANK[b.s] end
  return a.ou - b.ou
end

local function isFuture(r) return r.e > now + FUTURE_MS or r.v > now + FUTURE_MS end

local function fault(present)
  if isFuture(base) then return 'future' end
  if base.e < present.e then return 'stale' end
  return nil
end

local function numbered(record, present)
  record.v = math.max(math.max(present.v, base.v) + 1, now)
  record.o, record.t = op.by, now
  return record
end

-- A closed record of an epoch.
local function fresh(present, e)
  local record = numbered(nothing(), present)
  record.e = e
  return record
end

local function closed(present, e, why)
  local record = fresh(present, e)
  if isHeld(present) then record.i, record.ia, record.iv = present.i, present.ia, present.iv end
  record.fr = why
  return record
end

local function incident(record, was)
  if isHeld(was) then record.i, record.ia, record.iv = was.i, was.ia, was.iv
  else record.i, record.ia, record.iv = op.incident, now, record.v end
  return record
end

local function ofEpoch(present)
  local e = math.max(base.e, present.e)
  if e == present.e then return e, present end
  return e, nothing()
end

local function vote(e)
  local cast = {}
  local text = redis.call('HGET', votes, op.key)
  if text then
    local ok, found = pcall(cjson.decode, text)
    if ok and type(found) == 'table' then cast = found end
  end
  cast[op.by] = {at = now, e = e}
  local kept, count = {}, 0
  for task, one in pairs(cast) do
    if type(task) == 'string' and type(one) == 'table' and one.e == e and isCount(one.at)
      and math.abs(now - one.at) <= op.votes.withinMs then
      kept[task] = one
      count = count + 1
    end
  end
  redis.call('HSET', votes, op.key, cjson.encode(kept))
  return count
end

local run = {}

function run.force(present)
  local wrong = fault(present)
  if wrong then return reply(wrong, present) end
  local e, was = ofEpoch(present)
  local ou = 0
  if op.forMs ~= 0 then ou = now + math.min(op.forMs, LONGEST_OPEN_MS) end
  local sameEnd
  if ou == 0 or was.ou == 0 then sameEnd = ou == was.ou
  else sameEnd = math.abs(ou - was.ou) <= SAME_END_MS end
  local reason = op.note
  if was.f == 1 and reason == 'forced' then reason = was.fr end
  if was.f == 1 and sameEnd and reason == was.fr then return reply('held', present) end
  local record = incident(fresh(present, e), was)
  record.f, record.s, record.ou, record.fr = 1, 'open', ou, reason
  record.fa = was.f == 1 and was.fa or now
  return write(op.key, record)
end

function run.reset(present)
  if isFuture(base) then return reply('future', present) end
  if op.conditional and present.e > base.e then return reply('stale', present) end
  local e = math.max(math.max(present.e, base.e) + 1, now)
  return write(op.key, closed(present, e, 'reset'), true)
end

function run.open(present)
  local wrong = fault(present)
  if wrong then return reply(wrong, present) end
  local e, was = ofEpoch(present)
  local ou = now + math.min(op.forMs, LONGEST_OPEN_MS)
  local isOpen = was.s == 'open' and was.ou > now and not (op.extend and ou > was.ou)
  local isProbed = was.s == 'half_open' and was.pu > now
  if was.f == 1 or isOpen or isProbed then return reply('held', present) end
  if op.votes ~= cjson.null and vote(e) < op.votes.quorum then return reply('voted', present) end
  local record = incident(fresh(present, e), was)
  record.s, record.ou, record.fr = 'open', ou, op.note
  return write(op.key, record)
end

function run.probe(present)
  if isFuture(base) then return reply('future', present) end
  if base.e > present.e then return reply('refused', present) end
  local dueMs = present.s == 'half_open' and present.pu or present.ou
  if not isHeld(present) or isEndless(present) or dueMs > now then return reply('refused', present) end
  numbered(present, present)
  present.s, present.pl, present.pu = 'half_open', op.by, now + op.leaseMs
  return write(op.key, present)
end

function run.result(present)
  if isFuture(base) then return reply('future', present) end
  local isCurrent = present.s == 'half_open' and present.pl == op.by
    and present.e == op.token.e and present.v == op.token.v
  if not isCurrent then return reply('stale', present) end
  if not op.ok then
    numbered(present, present)
    present.s, present.pl, present.pu = 'open', '', 0
    present.ou = now + math.min(op.forMs, LONGEST_OPEN_MS)
    return write(op.key, present)
  end
  local e = present.e
  if present.f == 1 then e = math.max(e + 1, now) end
  return write(op.key, closed(present, e, 'probe'))
end

function run.merge()
  local outcome = 'held'
  for _, entry in ipairs(op.entries) do
    local key, record = entry[1], entry[2]
    if isRecord(record) and not isFuture(record) and compare(record, read(key)) > 0 then
      write(key, record)
      outcome = 'written'
    end
  end
  return reply(outcome)
end

function run.read()
  local entries = {}
  for _, key in ipairs(op.keys) do
    entries[#entries + 1] = key
    entries[#entries + 1] = cjson.encode(read(key))
  end
  return reply('listed', nil, entries)
end

function run.sync()
  local known = op.position
  if known ~= cjson.null and known.n == n and known.g == g and known.lv == lv then
    return reply('unchanged')
  end
  return reply('listed', nil, redis.call('HGETALL', records))
end

return run[verb](op.key and read(op.key))
`;
