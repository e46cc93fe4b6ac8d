// Smoke test with ioredis, as applications use it: ioredis.js PORT FOLDER. Prints a line per check.

'use strict';

const { assert, load, main, port, run, until } = require('./smoke.js');

const { library: Redis, version } = load('ioredis');
const connect = (options = {}) => new Redis({ port, ...options });

const waiting = (client) =>
  until('a blocked client', async () => {
    const info = await client.info('clients');
    return /blocked_clients:[1-9]/.test(info) ? true : undefined;
  });

main(async () => {
  const client = connect({ connectionName: 'smoke' });
  const other = connect();
  await client.flushall();

  await run(`ioredis ${version}`, {
    connects: async () => {
      assert.equal(await client.ping(), 'PONG');
      assert.equal(await client.client('GETNAME'), 'smoke');
      assert.match(await client.info('server'), /redis_version:7\./);
      const elsewhere = connect({ db: 5 });
      await elsewhere.set('elsewhere', 1);
      assert.equal(await client.get('elsewhere'), null);
      elsewhere.disconnect();
    },

    'values of all types': async () => {
      assert.equal(await client.set('s', 'v', 'EX', 100, 'NX'), 'OK');
      assert.equal(await client.set('s', 'w', 'NX'), null);
      assert.equal(await client.incrbyfloat('n', 41.5), '41.5');
      await client.mset({ a: 1, b: 2 });
      assert.deepEqual(await client.mget('a', 'b', 'none'), ['1', '2', null]);
      assert.equal(await client.rpush('l', 0, 1, 2), 3);
      assert.deepEqual(await client.lrange('l', 0, -1), ['0', '1', '2']);
      assert.equal(await client.sadd('set', 'x', 'y'), 2);
      assert.deepEqual((await client.smembers('set')).sort(), ['x', 'y']);
      assert.equal(await client.hset('h', { f: 1, g: 'two' }), 2);
      assert.deepEqual(await client.hgetall('h'), { f: '1', g: 'two' });
      assert.equal(await client.expire('h', 100), 1);
      assert.equal(await client.del('h', 'none'), 1);
    },

    pipelines: async () => {
      const pipeline = client.pipeline();
      for (let number = 0; number < 2000; number += 1) {
        pipeline.set(`p:${number}`, number).get(`p:${number}`);
      }
      const replies = await pipeline.exec();
      assert.deepEqual(replies[3999], [null, '1999']);
      const [, [error]] = await client.pipeline().set('p', 'text').lpush('p', 1).exec();
      assert.match(error.message, /^WRONGTYPE/);
      const automatic = connect({ enableAutoPipelining: true });
      const found = await Promise.all([...Array(500).keys()].map((n) => automatic.get(`p:${n}`)));
      assert.equal(found[499], '499');
      automatic.disconnect();
    },

    transactions: async () => {
      const replies = await client.multi().set('t', 1).incr('t').get('t').exec();
      assert.deepEqual(replies, [[null, 'OK'], [null, 2], [null, '2']]);
      // WATCH, until nobody interferes.
      let attempts = 0;
      let done = null;
      while (done === null) {
        attempts += 1;
        await client.watch('t');
        const value = Number(await client.get('t'));
        if (attempts < 3) await other.incr('t');
        done = await client.multi().set('t', value + 1).exec();
      }
      assert.equal(attempts, 3);
      assert.equal(await client.get('t'), '5');
      await assert.rejects(client.multi().call('NO-SUCH').exec(), /EXECABORT/);
    },

    channels: async () => {
      const listener = connect();
      const heard = [];
      listener.on('message', (channel, text) => heard.push(['message', channel, text]));
      listener.on('pmessage', (pattern, channel, text) => heard.push([pattern, channel, text]));
      assert.equal(await listener.subscribe('news', 'weather'), 2);
      assert.equal(await listener.psubscribe('n*s'), 3);
      assert.equal(await client.publish('news', 'hello'), 2);
      await until('both messages', () => (heard.length === 2 ? true : undefined));
      assert.deepEqual(heard, [['message', 'news', 'hello'], ['n*s', 'news', 'hello']]);
      assert.equal(await listener.unsubscribe('news'), 2);
      assert.equal(await listener.punsubscribe('n*s'), 1);
      assert.equal(await client.publish('news', 'nobody'), 0);
      // It comes back with its subscriptions.
      const [id] = (await other.client('LIST', 'TYPE', 'pubsub')).match(/(?<=^id=)\d+/m);
      await other.client('KILL', 'ID', id);
      await until('the listener to be back', async () =>
        (await client.publish('weather', 'rain')) === 1 ? true : undefined,
      );
      await until('the message', () => (heard.length === 3 ? true : undefined));
      listener.disconnect();
    },

    'blocking pops': async () => {
      assert.equal(await client.blpop('none', 0.1), null);
      const move = () => client.blmove('from', 'to', 'LEFT', 'RIGHT', 20);
      for (const [wait, act, expected] of [
        [() => client.blpop('none', 'queue', 20), () => other.rpush('queue', 'a'), ['queue', 'a']],
        [() => client.brpop('queue', 20), () => other.lpush('queue', 'b', 'c'), ['queue', 'b']],
        [move, () => other.rpush('from', 'd'), 'd'],
      ]) {
        const popped = wait();
        await waiting(other);
        await act();
        assert.deepEqual(await popped, expected);
      }
      assert.deepEqual(await other.lrange('queue', 0, -1), ['c']);
    },

    iteration: async () => {
      const keys = [...Array(1000).keys()].map((number) => [`scan:${number}`, number]);
      await client.mset(new Map(keys));
      const found = new Set();
      for await (const batch of client.scanStream({ match: 'scan:*', count: 100 })) {
        batch.forEach((key) => found.add(key));
      }
      assert.equal(found.size, 1000);
      await client.hset('big-hash', new Map(keys));
      const fields = new Set();
      for await (const batch of client.hscanStream('big-hash')) {
        batch.forEach((one) => fields.add(one));
      }
      assert.equal(fields.size, 2000);
    },

    errors: async () => {
      await client.set('text', 'v');
      await assert.rejects(client.lpush('text', 1), /WRONGTYPE Operation against a key/);
      await assert.rejects(client.incr('text'), /ERR value is not an integer or out of range/);
      await assert.rejects(client.call('GET'), /wrong number of arguments for 'get' command/);
      await assert.rejects(client.call('NO-SUCH', 'x'), /unknown command 'NO-SUCH'/);
    },

    'big values': async () => {
      const value = Buffer.alloc(16 * 1024 * 1024, 'abcdefg');
      await client.set('big', value);
      assert.ok(value.equals(await client.getBuffer('big')));
    },

    reconnects: async () => {
      const id = await client.client('ID');
      const back = new Promise((resolve) => client.once('ready', resolve));
      assert.equal(await other.client('KILL', 'ID', id), 1);
      await back;
      assert.equal(await client.get('text'), 'v');
      assert.equal(await client.client('GETNAME'), 'smoke');
      assert.notEqual(await client.client('ID'), id);
    },
  });
});
