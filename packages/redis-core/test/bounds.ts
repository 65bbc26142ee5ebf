/** Beyond a promised bound, for what is done by others than this process: Redis, the network, timers. */
export const ROOM_MS = 150;
