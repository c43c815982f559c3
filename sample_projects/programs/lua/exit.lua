-- SPDX-License-Identifier: GPL-2.0-only
-- Ends in the middle of calls, with a status of its own.
local t = setmetatable({}, {__index = function() os.exit(3, true) end})
print("before")
string.gsub("x", ".", function() return t.y end)
