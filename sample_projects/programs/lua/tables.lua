-- SPDX-License-Identifier: GPL-2.0-only
-- Tables, sorting, integers and floats as keys, next and pairs while fields go.
local state = 7
local function random() state = (state * 1103515245 + 12345) % 2147483648 return state end
local t = {}
for i = 1, 2000 do t[i] = random() % 1000 end
table.sort(t)
local ok = true
for i = 2, #t do ok = ok and t[i - 1] <= t[i] end
table.sort(t, function(a, b) return a > b end)
print(ok, t[1], t[2000])
print(pcall(table.sort, {3, 1, 2, 5, 4, 7, 6}, function() return true end))
local mixed = {1, 2, 3, nil, 5, x = 1, [2.0] = "two", [1.5] = "half", [-1] = "minus"}
print(mixed[2], mixed[1.5], mixed[-1], rawlen(mixed) >= 3)
for i = 1, 300 do mixed["k" .. i] = i end
for k in pairs(mixed) do if type(k) == "string" then mixed[k] = nil end end
local left = 0
for _ in pairs(mixed) do left = left + 1 end
print("left", left)
print(table.concat({1, 2, 3}, ", ", 2), table.unpack({1, 2, 3}, 2), select("#", table.unpack({}, 1, 3)))
local moved = table.move({1, 2, 3}, 1, 3, 2, {9})
print(table.concat(moved, " "), #table.pack(), table.pack(1, nil).n)
local queue = {}
for i = 1, 50 do table.insert(queue, 1, i) end
for _ = 1, 25 do table.remove(queue, 1) table.remove(queue) end
print(#queue, pcall(table.insert, queue, 5, 1), pcall(table.concat, {{}}))
print(next({}), pcall(next, {}, "no"), rawequal(t, t), rawget(mixed, "x"))
local sum = 0
for i = 10, 1, -3 do sum = sum + i end
for i = 1.0, 2.0, 0.25 do sum = sum + i end
for i = math.maxinteger - 2, math.maxinteger do sum = sum + (i & 1) end
print(sum, pcall(function() for _ = 1, 10, 0 do end end))
local sieve, primes = {}, 0
for i = 2, 3000 do
    if not sieve[i] then primes = primes + 1 for j = i * i, 3000, i do sieve[j] = true end end
end
print("primes", primes)
print(3 & 5, 3 | 5, 3 ~ 5, ~0, 1 << 63, 1 >> 1, "10" + 5, 2 ^ 0.5, math.type(3), math.type(3.0))
print(math.floor(-3.5), math.ceil(3.2), math.max(1, 5, 3), math.fmod(-7, 3), math.tointeger(3.0),
    math.ult(1, -1), math.abs(math.mininteger), 7 // 0.0, pcall(function() return 1 // 0 end))
