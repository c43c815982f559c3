-- SPDX-License-Identifier: GPL-2.0-only
-- Errors leave any number of frames, of Lua and of C, by longjmp.
local function raise(level) if level == 0 then error({code = 7}) end raise(level - 1) return 1 end
for level = 0, 40, 10 do
    local ok, e = pcall(raise, level)
    print(ok, type(e), e.code)
end
print(pcall(error), pcall(error, "text"), pcall(error, "text", 0), pcall(error, nil))
print(xpcall(raise, function(e) return "handled " .. e.code end, 3))
print(xpcall(function() local x = nil return x.y end, function(e) return (e:gsub("^.-:", "")) end))
print(select(2, xpcall(error, function(e) return error(e) end, "again")) ~= nil)
-- Out of callbacks that C calls.
print(pcall(table.sort, {3, 2, 1}, function() error("in sort", 0) end))
print(pcall(string.gsub, "abc", ".", function(c) if c == "b" then error("in gsub", 0) end end))
print(pcall(function() return {} < {} end), pcall(function() return #5 end), pcall(function() return 1 .. {} end))
print(pcall(function() return setmetatable({}, {__index = function() error("in index", 0) end}).x end))
print(pcall(load, function() error("in reader", 0) end))
local co = coroutine.wrap(function() error("in coroutine", 0) end)
print(pcall(co))
local inner = coroutine.create(function()
    local ok, e = pcall(function() coroutine.yield(1) error("after yield", 0) end)
    coroutine.yield(e)
    error("at the end", 0)
end)
for _ = 1, 4 do print(coroutine.resume(inner)) end
-- To-be-closed variables.
local function closing(name) return setmetatable({}, {__close = function(_, e) print("close", name, e) end}) end
print(pcall(function()
    local one <close> = closing("one")
    local two <close> = closing("two")
    error("with closing", 0)
end))
for i = 1, 2 do local each <close> = closing(i) if i == 1 then goto continue end break ::continue:: end
-- A stack that is full.
local function endless(n) return 1 + endless(n + 1) end
local ok, e = pcall(endless, 1)
print(ok, e:match("stack overflow"))
ok, e = pcall(function() local s = setmetatable({}, {}) getmetatable(s).__index = function(t, k) return t[k] end return s.x end)
print(ok, e:match("overflow"))
-- Many in a row.
local sum = 0
for i = 1, 500 do
    local fine, what = pcall(function(n) if n % 3 == 0 then error(n) end return n end, i)
    sum = sum + (fine and what or -1)
end
print(sum)
print(pcall(assert, false, "assertion"), pcall(assert, nil), pcall(assert, 1, 2))
