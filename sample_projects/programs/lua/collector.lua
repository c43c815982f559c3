-- SPDX-License-Identifier: GPL-2.0-only
-- The collector at work in both modes, finalizers, weak tables.
local function churn(n)
    local keep = {}
    for i = 1, n do
        keep[i % 50 + 1] = {i, tostring(i), function() return i end}
    end
    local sum = 0
    for _, k in pairs(keep) do sum = sum + k[1] + #k[2] + k[3]() end
    return sum
end
for _, mode in ipairs {"incremental", "generational", "incremental"} do
    print(collectgarbage(mode) ~= nil, churn(4000))
    collectgarbage()
end
collectgarbage("setpause", 100)
for step = 1, 20 do churn(100) collectgarbage("step", step) end
local weak = setmetatable({}, {__mode = "kv"})
weak[1], weak[2] = {}, "string"
do local key = {} weak[key] = {} end
collectgarbage()
print(weak[1], weak[2], (next(weak, 2)))
local ephemeron = setmetatable({}, {__mode = "k"})
do local k = {} ephemeron[k] = {k} end
collectgarbage() collectgarbage()
print(next(ephemeron))
local done = {}
for i = 1, 5 do setmetatable({}, {__gc = function() done[#done + 1] = i end}) end
collectgarbage() collectgarbage()
print(#done, table.concat(done, " "))
setmetatable({}, {__gc = function() print("at the end") end})
print(collectgarbage("isrunning"), collectgarbage("stop"), collectgarbage("isrunning"))
print(churn(1000), collectgarbage("restart"))
