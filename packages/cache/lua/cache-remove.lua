-- Removes keys of any type, as UNLINK does; a script where the names of entries go with them.
-- KEYS    the entries' keys
-- ARGV    none
-- reply   how many there were
return redis.call('UNLINK', unpack(KEYS))
