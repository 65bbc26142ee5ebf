-- The stamp of an entry with tags that is about to be written in another slot than they lie in.
-- KEYS    1: the namespace's tags
-- ARGV    1: the epoch of the tags' state where there is none yet, 2: for how many milliseconds the entry is kept (0: for ever)
-- reply   {epoch, seq}
local epoch, seq = tags_begun(KEYS[1], ARGV[1])
tags_outlive(KEYS[1], ARGV[2])
return { epoch, seq }
