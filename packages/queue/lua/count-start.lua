-- Notes that a job starts now, in the log of its queue's limit (see limited-fetch.lua): one that starts later than it was let.
--
-- KEYS 1  what the keys of the queue start with
-- ARGV    how many may start, in how many milliseconds, when the job was fetched (milliseconds)
-- reply   0, or milliseconds until it may start
local now = server_time(KEYS[1] .. 'hf:time')
local _, _, wait = rate_log_take(KEYS[1] .. 'hf:rate', 1, tonumber(ARGV[1]), tonumber(ARGV[2]), now, tonumber(ARGV[3]))
return wait
