-- The time of the server.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- reply    milliseconds since the epoch, as text
return string.format('%.0f', server_time(KEYS[1] .. 'hf:time', true))
