-- SPDX-License-Identifier: Apache-2.0
--
-- decide.lua - one decision over several buckets, atomically.
--
-- KEYS    one a bucket, all that is read or written
-- ARGV[1] "take", "peek" or "give"
-- then for each key: capacity, refill, period in seconds, cost, and 1 for a
-- shadow charge, else 0 (with "give": 1 for a charge that was not taken)
--
-- Replies 1 (granted) or 0, then for each key: whether the bucket alone would
-- allow it (1 or 0), what is in it now, and the microseconds until the cost
-- is there (-1: never). "give" replies the number of buckets it gave to.
--
-- A bucket is a string, "level filled_at largest" or "level filled_at largest
-- carry": one allocation, readable with GET. `largest` is the largest capacity
-- that it has had. A key that is not there is a full bucket, so every write
-- sets an expiry for when it will be full (30 days if never).
-- All keys are read before the first is written: an error (a key of another
-- type) changes nothing. Redis checks for a read-only server and for memory
-- at the first write. Time is Redis' own.

local action = ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local UNUSED_MS = 2592000000

local function read(key, capacity)
    local value = redis.call('GET', key)
    if value then
        local level, filled_at, largest, carry =
            string.match(value, '^(%d+) (%d+) (%d+) ?(%d*)$')
        if level then
            level, largest =
                resized(tonumber(level), tonumber(largest), capacity)
            return level, tonumber(carry) or 0, tonumber(filled_at), largest
        end
    end
    return capacity, 0, now, nil
end

local function write(key, b, level)
    local wait = wait_for(b.capacity, level, b.carry, b.filled_at, b.capacity,
        b.refill, b.period, now)
    if wait == 0 then
        redis.call('DEL', key)
        return
    end
    local ms = UNUSED_MS
    if b.refill > 0 then
        if wait == NEVER then wait = WAIT_LIMIT end
        -- Up to a millisecond is lost when Redis rounds its clock.
        ms = floor(wait / 1000) + 2
    end
    local value = string.format('%.0f %.0f %.0f', level, b.filled_at,
        b.largest or b.capacity)
    if b.carry > 0 then value = value .. string.format(' %.0f', b.carry) end
    redis.call('SET', key, value, 'PX', string.format('%.0f', ms))
end

local reply = {1}
local buckets = {}

for i, key in ipairs(KEYS) do
    local at = 5 * i - 3
    local b = {
        capacity = tonumber(ARGV[at]),
        refill = tonumber(ARGV[at + 1]),
        period = tonumber(ARGV[at + 2]),
        cost = tonumber(ARGV[at + 3]),
        flag = ARGV[at + 4] == '1'
    }
    local level, carry, filled_at
    level, carry, filled_at, b.largest = read(key, b.capacity)
    b.level, b.carry, b.filled_at = refilled(level, carry, filled_at,
        b.capacity, b.refill, b.period, now)
    b.wait = wait_for(b.cost, b.level, b.carry, b.filled_at, b.capacity,
        b.refill, b.period, now)
    if b.wait ~= 0 and not b.flag then reply[1] = 0 end
    buckets[i] = b
end

if action == 'give' then
    local given = 0
    for i, key in ipairs(KEYS) do
        local b = buckets[i]
        if b.largest and not b.flag then
            write(key, b, math.min(b.level + b.cost, b.capacity))
            given = given + 1
        end
    end
    return given
end

for i, key in ipairs(KEYS) do
    local b = buckets[i]
    if action == 'take' and reply[1] == 1 and b.wait == 0 then
        b.level = b.level - b.cost
        write(key, b, b.level)
    elseif action == 'take' and b.refill == 0 and b.largest then
        -- Being asked for is use.
        redis.call('PEXPIRE', key, UNUSED_MS)
    end
    reply[3 * i - 1] = b.wait == 0 and 1 or 0
    reply[3 * i] = b.level
    reply[3 * i + 1] = b.wait
end
return reply
