-- What flameload adds to a run of wrk or wrk2. A table named `config` stands above this line.

local failed_names = { "failed_status", "failed_body" }
local threads = {}

-- The requests as bytes: each after its length on a line of its own.
local function read_pool(path)
    local file = assert(io.open(path, "rb"))
    local pool, length = {}, file:read("*n", 1)
    while length do
        pool[#pool + 1] = length > 0 and file:read(length) or ""
        length = file:read("*n", 1)
    end
    file:close()
    return pool
end

-- What is secret comes from the environment, so that it is in no file and on no command line. Where
-- it belongs, its name stands between two characters for private use, U+F8FF.
local function secret_of(name) return os.getenv("FLAMELOAD_SECRET_" .. name) end

local function authorized(request)
    local line_end = request:find("\r\n", 1, true) + 1
    local head_end = request:find("\r\n\r\n", 1, true) + 1
    local line, head = request:sub(1, line_end), request:sub(line_end + 1, head_end)
    head = head:gsub("\239\163\191([%w_]+)\239\163\191", secret_of)
    local secret = os.getenv("FLAMELOAD_AUTHORIZATION")
    if secret then head = "Authorization: " .. secret .. "\r\n" .. head end
    return line .. head .. request:sub(head_end + 1)
end

if config.own then
    dofile(config.own)
else
    local pool = read_pool(config.pool)
    for place = 1, #pool do pool[place] = authorized(pool[place]) end

    local place = 0
    local function next_batch()
        local batch = {}
        for depth = 1, config.pipeline do
            place = place % #pool + 1
            batch[depth] = pool[place]
        end
        return table.concat(batch)
    end

    if #pool == 1 then
        -- wrk asks for this once, before the load, so that no Lua runs in it.
        wrk.format = next_batch
    else
        request = next_batch
    end

    function setup(thread)
        threads[#threads + 1] = thread
        thread:set("number", #threads)
    end

    function init()
        math.randomseed(config.seed + number)
        -- Threads walk through the pool from different places.
        place = math.floor(#pool * (number - 1) / config.threads)
    end

    if config.think then
        function delay()
            return math.random(config.think[1], config.think[2])
        end
    end

    if config.statuses then
        for _, name in ipairs(failed_names) do _G[name] = 0 end

        function response(status, _, body)
            if not config.statuses[status] then
                failed_status = failed_status + 1
            elseif config.contains and not body:find(config.contains, 1, true)
                or config.most and #body > config.most then
                failed_body = failed_body + 1
            end
        end
    end
end

-- A number as JSON has it; what is not a number is null.
local function number_of(value)
    if type(value) ~= "number" or value ~= value or value >= 1e18 or value <= -1e18 then
        return "null"
    end
    return string.format("%.3f", value)
end

-- The histogram as pairs of microseconds and a count. Each lookup walks through all microseconds
-- before it, so that one of very many values would take minutes; and where the CPU time of wrk is
-- measured, it is not for this.
local function buckets_of(latency)
    if os.getenv("FLAMELOAD_BRIEF") then return "null" end
    if not getmetatable(latency).__call or #latency * latency.max > 4e9 then return "null" end
    local pairs_of = {}
    for place = 1, #latency do
        local micros, count = latency(place)
        pairs_of[place] = string.format("[%.0f,%.0f]", micros, count)
    end
    return "[" .. table.concat(pairs_of, ",") .. "]"
end

local function failed_of(name)
    if not config.statuses then return "null" end
    local sum = 0
    for _, thread in ipairs(threads) do sum = sum + thread:get(name) end
    return number_of(sum)
end

local their_done = done

function done(summary, latency, requests)
    if their_done then their_done(summary, latency, requests) end
    local percentiles = {}
    for place, percent in ipairs({ 50, 75, 90, 95, 99, 99.9 }) do
        percentiles[place] = string.format('"%s":%s', percent, number_of(latency:percentile(percent)))
    end
    local errors = summary.errors
    io.write("\nflameload {",
        '"duration_us":', number_of(summary.duration),
        ',"requests":', number_of(summary.requests),
        ',"bytes":', number_of(summary.bytes),
        ',"connect":', number_of(errors.connect),
        ',"read":', number_of(errors.read),
        ',"write":', number_of(errors.write),
        ',"timeout":', number_of(errors.timeout),
        ',"status":', number_of(errors.status),
        ',"failed_status":', failed_of("failed_status"),
        ',"failed_body":', failed_of("failed_body"),
        ',"mean":', number_of(latency.mean),
        ',"stdev":', number_of(latency.stdev),
        ',"max":', number_of(latency.max),
        ',"percentiles":{', table.concat(percentiles, ","), "}",
        ',"buckets":', buckets_of(latency), "}\n")
end
