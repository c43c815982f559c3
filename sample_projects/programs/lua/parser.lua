-- SPDX-License-Identifier: GPL-2.0-only
-- The compiler: much of the grammar, and what is no Lua.
local chunks = {
    "return 1 + 2 * 3 ^ 2 ^ 0.5 // 1 % 4 .. 'x' == 'y' and not nil or false",
    "local a <const>, b <close> = 1, nil; goto done; do a = 2 end ::done:: return a",
    "goto nowhere", "break", "return return", "x = = 1", "for i = 1 do end", "local function end",
    "return [==[long\n]]string]==], 'esc\\65\\x41\\u{48}\\z   ape', \"\\q\"", "return '\\300'", "return 'open",
    "--[[ comment ]] return 0x.8p1, 1e+2, 3., .5, 0xfffffffffffffffff", "return 1..2", "return 3e",
    "repeat local x = 1 until x == 1 while false do end for k, v in pairs({}) do end return ...",
    "local t = {1, 2; x = 3, ['y'] = 4, f()} function f() end", "function a.b.c:d(e, ...) return self end",
    "::a:: ::a::", "local a <const> = 1; a = 2", "return function(...) return (...) end", "f{1}'s'[[t]]",
    "return " .. ("("):rep(150) .. "1" .. (")"):rep(150), "return " .. ("("):rep(250) .. "1",
    "local " .. ("x,"):rep(201) .. "x = 1", "if x then elseif y then else end return", "a.b:c = 1", "\xff", "",
    "return " .. ("a."):rep(300) .. "a", "return {" .. ("1,"):rep(400) .. "}", "x = 1 y = 2; ; ; return x, y",
    "return ~1 & 2 | 3 ~ 4 << 5 >> 6 < 7 <= 8 > 9 >= 10 ~= 11", "local x <odd> = 1", "return -'2', #'abc', - - 2",
}
-- Addresses differ from run to run.
local function show(ok, ...)
    local values = table.pack(...)
    for i = 1, values.n do
        values[i] = tostring(values[i]):gsub("0x%x+", "address")
    end
    return ok, table.concat(values, " ")
end
for number, text in ipairs(chunks) do
    local f, e = load(text, "=chunk" .. number, "t", {pairs = pairs, f = function() end})
    if f then
        print(number, show(pcall(f, "arg")))
    else
        print(number, e)
    end
end
local pieces = {"return ", "function(a, b) ", "local c = a + b ", "return c * ", "2 end"}
local at = 0
print(load(function() at = at + 1 return pieces[at] end)()(3, 4))
local code = string.dump(load("local a, b = ... return a * b"), true)
print(load(code, "b", "b")(6, 7), load(code, "b", "t"), pcall(load, code:sub(1, 20)))
local long = {}
for i = 1, 300 do long[i] = ("local v%d = %d; if v%d > 5 then v%d = v%d - 1 end"):format(i % 150, i, i % 150, i % 150, i % 150) end
print(load("do " .. table.concat(long, " end do ") .. " end return 1")())
for i = 1, 40 do
    local f = load(("local t = {} for i = 1, %d do t[i] = function(x) return x + i * %d end end return t[%d](1)"):format(i, i, i))
    io.write(f(), " ")
end
print()
