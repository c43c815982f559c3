-- SPDX-License-Identifier: GPL-2.0-only
-- Ends with an error that nobody catches: a message, a traceback, exit status 1.
local function inner(t) return t.x.y end
print("before")
table.sort({2, 1}, function() inner({}) end)
