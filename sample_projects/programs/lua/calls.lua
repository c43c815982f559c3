-- SPDX-License-Identifier: GPL-2.0-only
-- Closures, varargs, recursion, tail calls, metamethods, coroutines.
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print("fib", fib(16))

local function count(...) return select("#", ...) end
print(count(), count(nil), count(1, nil, nil), (select(-1, 1, 2, 3)))

local function loop(n, sum) if n == 0 then return sum end return loop(n - 1, sum + n) end
print("tail", loop(20000, 0))

local function counter() local n = 0 return function() n = n + 1 return n end end
local a, b = counter(), counter()
print(a(), a(), b(), a())

local Vector = {}
Vector.__index = Vector
Vector.__add = function(x, y) return setmetatable({x[1] + y[1]}, Vector) end
Vector.__eq = function(x, y) return x[1] == y[1] end
Vector.__lt = function(x, y) return x[1] < y[1] end
Vector.__le = function(x, y) return x[1] <= y[1] end
Vector.__concat = function(x, y) return "<" .. tostring(x) .. tostring(y) .. ">" end
Vector.__tostring = function(x) return "v" .. x[1] end
Vector.__call = function(self, n) return self[1] * n end
Vector.__len = function(self) return self[1] end
Vector.__unm = function(self) return setmetatable({-self[1]}, Vector) end
local v, w = setmetatable({1}, Vector), setmetatable({2}, Vector)
print(tostring(v + w), v == w, v < w, v <= w, v .. w, v(10), #w, tostring(-v), v .. 1)

local deep = setmetatable({}, {__index = function(_, k) return k .. "!" end,
    __newindex = function(t, k, x) rawset(t, k, x * 2) end})
deep.x = 21
print(deep.x, deep.y)

local function produce(n) for i = 1, n do coroutine.yield(i, i * i) end return "done" end
local co = coroutine.create(produce)
for _ = 1, 5 do print(coroutine.resume(co, 3)) end
print(coroutine.status(co), coroutine.isyieldable())
for x in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do io.write(x, " ") end
print()

local function permute(t, n)
    n = n or #t
    if n <= 1 then coroutine.yield(t) return end
    for i = 1, n do
        t[n], t[i] = t[i], t[n]
        permute(t, n - 1)
        t[n], t[i] = t[i], t[n]
    end
end
local seen = 0
for p in coroutine.wrap(function() permute({1, 2, 3, 4}) end) do seen = seen * 7 + p[1] seen = seen % 65537 end
print("permutations", seen)
-- A yield across a call from C.
print(pcall(coroutine.wrap(function() return table.unpack({pcall(coroutine.yield, 1)}) end)))
print(...)
