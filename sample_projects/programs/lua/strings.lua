-- SPDX-License-Identifier: GPL-2.0-only
-- The string library, which calls back into Lua from C.
local text = ("The quick brown fox jumps over the lazy dog. "):rep(20)
print(#text, text:find("lazy"), text:find("(l)(a)zy"), text:match("%a+", 5))
print((text:gsub("%w+", function(w) return #w > 4 and w:upper() or nil end)):sub(1, 60))
print((text:gsub("o", {o = "0"})):sub(1, 40), (text:gsub("(%w)(%w)", "%2%1", 3)):sub(1, 20))
local words = {}
for w in text:gmatch("%a+") do words[w] = (words[w] or 0) + 1 end
local names = {}
for w in pairs(words) do names[#names + 1] = w end
table.sort(names, function(x, y) return x < y end)
for _, w in ipairs(names) do io.write(w, "=", words[w], " ") end
print()
print(string.format("%5d|%-5s|%05.2f|%x|%q|%g|%c|%i|%s", 42, "ab", 3.14159, 255, 'a"\n\0b', 1e100, 65, 7, nil))
print(string.pack(">I4 s2 z", 1, "ab", "cd"):byte(1, -1))
print(string.unpack("<i2 i8 d", string.pack("<i2 i8 d", -2, 1 << 40, 0.5)))
print(("x"):rep(3, ","), ("abc"):reverse(), ("abc"):byte(-1), string.char(104, 105))
print(utf8.char(228, 8364, 128512), utf8.len("äöü"), utf8.codepoint("€", 1))
for p, c in utf8.codes("aé€") do io.write(p, ":", c, " ") end
print()
print(tostring(1e15), 2 ^ 53, 1 / 0, -1 / 0, 10 // 3, 10.0 / 4, 7 % -3, -7 // 2, 1e308 * 10)
print(tonumber("0x1p4"), tonumber("  12  "), tonumber("z", 36), tonumber("8", 8), tonumber("1e"))
print(("%bxy"):rep(2), ("f(a(b)c)d"):match("%b()"), ("  trim  "):match("^%s*(.-)%s*$") .. "|")
print(("k=v, k2=v2"):gsub("(%w+)=(%w+)", "%2=%1"), ("hello"):gsub("", "-"))
for _, bad in ipairs {"(", "%", "[a", "%b", "(()"} do print(pcall(string.find, "a", bad)) end
print(pcall(string.rep, "x", -1), pcall(string.format, "%d", 1.5), pcall(string.char, 256))
