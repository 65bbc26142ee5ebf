export { BatchRoom, byteLength, MAX_BATCH_BYTES } from './batch-bytes.ts';
export * from './engine.ts';
export * from './errors.ts';
export * from './connection.ts';
export * from './connection-fault.ts';
export type * from './channels.ts';
export { checkTarget } from './engine-rules.ts';
export { createEngine } from './create-engine.ts';
export { createKeys, decodeKeyPart, encodeKeyPart, isName, type Keys } from './keys.ts';
export {
  bearRefusedInfo,
  createClusterClient,
  createSharedClient,
  reconnectDelayMs,
  sentinelOptions,
  tlsOptions,
} from './engines/ioredis-client.ts';
export { flushWrites, joinWrites } from './engines/ioredis-writes.ts';
export { FailoverWatch, FollowedMaster } from './engines/failover-watch.ts';
export { PrimarySearch } from './engines/primary-search.ts';
export { hearWhyNot } from './engines/refused-connection.ts';
export { RefusedWork } from './engines/refused-work.ts';
export { takesWrites } from './engines/write-proof.ts';
export { checkJson, type JsonCheck } from './json-check.ts';
export { outlineJson, type JsonOutline, type JsonPart } from './json-outline.ts';
export { isNestedTooDeep, maxNesting, nestingRule, toBoundedJson } from './nesting.ts';
export * from './option-rules.ts';
export { memoryLimit } from './memory-limit.ts';
export { findPeer, type OptionalPeer } from './optional-peer.ts';
export * from './pipeline.ts';
export { scriptArguments, writeMany, type WriteManyReply } from './pipeline-scripts.ts';
export { loadOf, type RedisLoad, type RedisSummary, summarizeInfo } from './info.ts';
export { errorReplies, fromReplyError, wordOf, type ErrorReply, type ErrorReplyWord } from './error-replies.ts';
export { isCommandRefused, type LimitKind, type ServerLimit } from './server-limits.ts';
export { type ProvableClient, proveWork, proveWorkOver } from './work-proof.ts';
export * from './rate-log.ts';
export { defineScript, loadLua } from './script.ts';
export { compressText, deserialize, type DeserializeOptions, serialize, type SerializeOptions } from './serializer.ts';
export { MemoryEngine, type MemoryEngineOptions } from './engines/memory.ts';
export { Sweeping, type SweepingOptions } from './sweeping.ts';
export { Turns } from './turns.ts';
export { withinTime } from './within-time.ts';
