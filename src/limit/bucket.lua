-- SPDX-License-Identifier: Apache-2.0
--
-- bucket.lua - the arithmetic of limit/bucket.c, in Lua 5.1's doubles.
--
-- Every product is an integer below 2^53, so every result is exact, and
-- floor(a / b) is too: the quotient of two such integers is never rounded up
-- to the next one. What each line is for is said in bucket.c; a test runs both
-- over the same histories. `period` is in seconds, everything else as there.
-- Joined with decide.lua at build time; comments and indentation are left
-- out of what is sent to Redis.

local floor = math.floor
local NEVER = -1
local WAIT_LIMIT = 9007199254740992

local function time_for(missing, carry, refill, period)
    if missing <= 0 then return 0 end
    if refill == 0 then return NEVER end
    local quotient = floor(missing / refill)
    local rest = missing - quotient * refill
    if (quotient + 1) * period >= WAIT_LIMIT then return NEVER end
    if rest * period < carry then
        quotient = quotient - 1
        rest = rest + refill
    end
    return quotient * period +
        floor((rest * period - carry + refill - 1) / refill)
end

local function resized(level, largest, capacity)
    if capacity <= largest then return level, largest end
    return level + capacity - largest, capacity
end

local function refilled(level, carry, filled_at, capacity, refill, period, now)
    local elapsed = now - filled_at
    local missing = capacity - level
    if carry >= period then carry = 0 end
    if missing > 0 and elapsed > 0 and refill > 0 then
        local periods = floor(elapsed / period)
        if periods > floor(missing / refill) then
            level = capacity
        else
            local part = (elapsed - periods * period) * refill + carry
            local whole = floor(part / period)
            level = level + periods * refill + whole
            carry = part - whole * period
        end
    end
    if level >= capacity then
        level = capacity
        carry = 0
    end
    if elapsed > 0 then filled_at = now end
    return level, carry, filled_at
end

local function wait_for(utok, level, carry, filled_at, capacity, refill,
                        period, now)
    if level >= utok then return 0 end
    if utok > capacity then return NEVER end
    local wait = time_for(utok - level, carry, refill, period)
    if wait == NEVER then return NEVER end
    if filled_at > now then wait = wait + (filled_at - now) end
    if wait >= WAIT_LIMIT then return NEVER end
    return wait
end
