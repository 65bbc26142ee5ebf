#!lua
-- Reads and writes a key that nobody uses, and leaves nothing behind. Redis 7 refuses to begin it where it would refuse a
-- write, for want of memory too, which the removal of a key alone would not show; rules of access see to the rest.
-- KEYS    1: that key
-- reply   1
redis.call('GET', KEYS[1])
redis.call('UNLINK', KEYS[1])
return 1
