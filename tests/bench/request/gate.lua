-- The peer's job in Lua, run by nginx-lua.conf: check a message, charge its
-- sender. It knows fewer rules than the contract does, and answers a refusal
-- without saying why: whatever that saves is the peer's advantage.
local cjson = require "cjson.safe"
local find, byte, sub = ngx.re.find, string.byte, string.sub

local script = [[
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local b = redis.call('HMGET', KEYS[1], 't', 'u')
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tokens = tonumber(b[1]) or burst
local used = tonumber(b[2]) or now
tokens = math.min(burst, tokens + (now - used) * rate / 1e6)
local ok = 0
if tokens >= 1 then tokens = tokens - 1 ok = 1 end
redis.call('HSET', KEYS[1], 't', tostring(tokens), 'u', now)
redis.call('PEXPIRE', KEYS[1], 60000)
return {ok, math.floor(tokens)}
]]
local sha

local styles = {bold = 1, italic = 1, strikethrough = 1, underline = 1}
local animations = {big = 1, small = 1, shake = 1, nod = 1, explode = 1,
                    ripple = 1, bloom = 1, jitter = 1}
local effects = {screen = {confetti = 1, fireworks = 1, lasers = 1},
                 bubble = {slam = 1, loud = 1, gentle = 1, invisible = 1}}

local function utf16_length(s)
    local n = 0
    for i = 1, #s do
        local b = byte(s, i)
        if b < 0x80 or (b >= 0xC0 and b < 0xF0) then n = n + 1
        elseif b >= 0xF0 then n = n + 2 end
    end
    return n
end

local function good_decoration(d, length)
    local r = d.range
    if not r or #r ~= 2 or r[1] < 0 or r[1] >= r[2] or r[2] > length then
        return false
    end
    if d.style then return styles[d.style] and not d.animation end
    return animations[d.animation]
end

local function good_text(p, previous)
    if previous == 'text' or type(p.value) ~= 'string' or #p.value < 1 then
        return false
    end
    local length = utf16_length(p.value)
    if length > 10000 then return false end
    for _, d in ipairs(p.text_decorations or {}) do
        if not good_decoration(d, length) then return false end
    end
    return true
end

local function good_parts(parts)
    if type(parts) ~= 'table' or #parts < 1 or #parts > 100 then return false end
    local previous, urls = nil, 0
    for _, p in ipairs(parts) do
        if p.type == 'text' then
            if not good_text(p, previous) then return false end
        elseif p.type == 'media' then
            if p.url then
                urls = urls + 1
                if urls > 40 or p.attachment_id or
                    sub(p.url, 1, 8) ~= 'https://' then return false end
            elseif not p.attachment_id then return false end
        elseif p.type == 'link' then
            if #parts > 1 then return false end
        else return false end
        previous = p.type
    end
    return true
end

local function good(b)
    if type(b) ~= 'table' or type(b.from) ~= 'string' or
        not find(b.from, [[^\+[1-9]\d{1,14}$]], 'jo') then return false end
    if type(b.to) ~= 'table' or #b.to < 1 then return false end
    for _, h in ipairs(b.to) do
        if type(h) ~= 'string' or
            not find(h, [[^(\+[1-9]\d{1,14}|[^@\s]+@[^@\s]+)$]], 'jo') then
            return false
        end
    end
    local m = b.message
    if type(m) ~= 'table' or not good_parts(m.parts) then return false end
    return not m.effect or
        (effects[m.effect.type] and effects[m.effect.type][m.effect.name])
end

local function send(sock, ...)
    local words = {...}
    local out = {'*' .. #words .. '\r\n'}
    for i = 1, #words do
        local s = tostring(words[i])
        out[#out + 1] = '$' .. #s .. '\r\n' .. s .. '\r\n'
    end
    return sock:send(out)
end

local function receive(sock)
    local line, err = sock:receive()
    if not line then return nil, err end
    local kind, rest = sub(line, 1, 1), sub(line, 2)
    if kind == ':' then return tonumber(rest) end
    if kind == '-' then return nil, line end
    if kind == '$' then
        local n = tonumber(rest)
        if n < 0 then return nil end
        local data = sock:receive(n)
        sock:receive(2)
        return data
    end
    if kind == '*' then
        local list = {}
        for i = 1, tonumber(rest) do list[i] = receive(sock) end
        return list
    end
    return line
end

function gate(redis)
    ngx.req.read_body()
    if not good(cjson.decode(ngx.req.get_body_data() or '')) then
        ngx.status = 400
        ngx.say('{"success":false}')
        return ngx.exit(400)
    end
    local sock = ngx.socket.tcp()
    if not sock:connect(redis) then return ngx.exit(503) end
    if not sha then
        send(sock, 'SCRIPT', 'LOAD', script)
        sha = receive(sock)
    end
    send(sock, 'EVALSHA', sha, 1, 'rl:{+1205' .. math.random(1000) .. '}',
         1000000, 1000000, 1)
    local reply = receive(sock)
    sock:setkeepalive(60000, 100)
    if not reply then return ngx.exit(500) end
    if reply[1] == 0 then return ngx.exit(429) end
end
