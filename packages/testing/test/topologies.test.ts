import { existsSync } from 'node:fs';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startCluster, startRedis, startSentinel, startTlsRedis, startUpstashRest } from '@holdfast/testing';

describe('startCluster', () => {
  it('starts six nodes, lets a replica take over, moves a slot, and leaves nothing behind', async () => {
    const cluster = await startCluster();
    try {
      const master = await cluster.masterOf('a');
      await master.command('SET', 'a', '1');
      const moved = await cluster.moveSlotOf('a');
      expect(moved).not.toBe(master);
      expect(await moved.command('GET', 'a')).toBe('1');
      const promoted = await cluster.failover(moved);
      expect(await promoted.command('GET', 'a')).toBe('1');
      expect(await cluster.masters()).toHaveLength(3);
    } finally {
      await cluster.stop();
    }
    expect(cluster.nodes.some((node) => existsSync(node.directory))).toBe(false);
  });
});

describe('startSentinel', () => {
  it('starts sentinels with a password that promote a replica when the master dies', async () => {
    const sentinel = await startSentinel({ sentinelPassword: 'secret' });
    try {
      const before = await sentinel.master();
      const after = await sentinel.failover();
      expect(after).not.toBe(before);
      expect(await after.command('SET', 'a', '1')).toBe('OK');
    } finally {
      await sentinel.stop();
    }
  });
});

describe('startTlsRedis', () => {
  it('demands a certificate of its client and has a verifiable one itself', async () => {
    const redis = await startTlsRedis();
    try {
      const { ca, client } = redis.certificates;
      const socket = connect({ port: redis.port, host: redis.host, ca, ...client, servername: redis.serverName });
      await once(socket, 'secureConnect');
      socket.write('PING\r\n');
      expect(String((await once(socket, 'data'))[0])).toBe('+PONG\r\n');
      socket.destroy();
      const stranger = connect({ port: redis.port, host: redis.host, ca, servername: redis.serverName });
      stranger.on('secureConnect', () => stranger.write('PING\r\n'));
      await expect(once(stranger, 'data')).rejects.toThrow();
    } finally {
      await redis.stop();
    }
  });
});

describe('startUpstashRest', () => {
  it('speaks for the Redis behind it', async () => {
    const redis = await startRedis();
    const rest = await startUpstashRest(redis.url);
    try {
      const response = await fetch(rest.url, {
        method: 'POST',
        body: '["SET","a","1"]',
        headers: { authorization: `Bearer ${rest.token}` },
      });
      expect(await response.json()).toEqual({ result: 'OK' });
      expect(await redis.command('GET', 'a')).toBe('1');
    } finally {
      await rest.stop();
      await redis.stop();
    }
  });
});
