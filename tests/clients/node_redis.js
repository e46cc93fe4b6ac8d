// Smoke test with node-redis, as applications use it: node_redis.js PORT FOLDER. Prints a line per
// check, for either version of the protocol.

'use strict';

const { assert, load, main, port, run, until } = require('./smoke.js');

const { library, version } = load('redis');
const { createClient, ErrorReply, WatchError } = library;

const connect = async (RESP, options = {}) => {
  const client = createClient({ socket: { port, host: '127.0.0.1' }, RESP, ...options });
  // A lost connection is reported, and made again.
  client.on('error', () => {});
  return client.connect();
};

const waiting = (client) =>
  until('a blocked client', async () => {
    const info = await client.info('clients');
    return /blocked_clients:[1-9]/.test(info) ? true : undefined;
  });

// Maps have no prototype in RESP2 and are ordinary objects in RESP3, or the other way round.
const plain = (map) => Object.fromEntries(Object.entries(map));

const checks = async (RESP) => {
  const client = await connect(RESP, { name: 'smoke' });
  const other = await connect(RESP);
  await client.flushAll();

  await run(`node-redis ${version} RESP${RESP}`, {
    connects: async () => {
      assert.equal(await client.ping(), 'PONG');
      assert.equal(await client.clientGetName(), 'smoke');
      const { proto } = await client.hello();
      assert.equal(proto, RESP);
      // Servers before 7.2 know no SETINFO: the library must get along with either answer.
      const info = await client.clientInfo();
      assert.ok(info.libName === undefined || info.libName === 'node-redis', info.libName);
      const elsewhere = await connect(RESP, { database: 5 });
      await elsewhere.set('elsewhere', 1);
      assert.equal(await client.get('elsewhere'), null);
      elsewhere.destroy();
    },

    'values of all types': async () => {
      assert.equal(await client.set('s', 'v', { EX: 100, NX: true }), 'OK');
      assert.equal(await client.set('s', 'w', { NX: true }), null);
      assert.equal(await client.incrBy('n', 41), 41);
      await client.mSet({ a: '1', b: '2' });
      assert.deepEqual(await client.mGet(['a', 'b', 'none']), ['1', '2', null]);
      assert.equal(await client.rPush('l', ['0', '1', '2']), 3);
      assert.deepEqual(await client.lRange('l', 0, -1), ['0', '1', '2']);
      assert.equal(await client.sAdd('set', ['x', 'y']), 2);
      assert.deepEqual([...(await client.sMembers('set'))].sort(), ['x', 'y']);
      assert.equal(await client.hSet('h', { f: 1, g: 'two' }), 2);
      assert.deepEqual(plain(await client.hGetAll('h')), { f: '1', g: 'two' });
      assert.deepEqual(plain(await client.configGet('maxmemory')), { maxmemory: '0' });
      assert.equal(await client.expire('h', 100), 1);
      assert.equal(await client.del(['h', 'none']), 1);
    },

    pipelines: async () => {
      // What is said in one turn goes out as one pipeline.
      const numbers = [...Array(2000).keys()];
      await Promise.all(numbers.map((number) => client.set(`p:${number}`, number)));
      const found = await Promise.all(numbers.map((number) => client.get(`p:${number}`)));
      assert.equal(found[1999], '1999');
      const replies = await client.multi().set('p', 1).get('p').execAsPipeline();
      assert.deepEqual(replies, ['OK', '1']);
    },

    transactions: async () => {
      const replies = await client.multi().set('t', 1).incr('t').get('t').exec();
      assert.deepEqual(replies, ['OK', 2, '2']);
      // WATCH, until nobody interferes.
      let attempts = 0;
      for (let done = false; !done; ) {
        attempts += 1;
        await client.watch('t');
        const value = Number(await client.get('t'));
        if (attempts < 3) await other.incr('t');
        try {
          await client.multi().set('t', value + 1).exec();
          done = true;
        } catch (error) {
          assert.ok(error instanceof WatchError, error);
        }
      }
      assert.equal(attempts, 3);
      assert.equal(await client.get('t'), '5');
      await assert.rejects(client.multi().addCommand(['NO-SUCH']).exec(), /NO-SUCH|EXECABORT/);
    },

    channels: async () => {
      const listener = await connect(RESP);
      const heard = [];
      const hear = (text, channel) => heard.push(`${channel} ${text}`);
      await listener.subscribe(['news', 'weather'], hear);
      await listener.pSubscribe('n*s', hear);
      assert.equal(await client.publish('news', 'hello'), 2);
      await until('both messages', () => (heard.length === 2 ? true : undefined));
      assert.deepEqual(heard, ['news hello', 'news hello']);
      // With RESP3 a listener is an ordinary client besides.
      if (RESP === 3) assert.equal(await listener.get('t'), '5');
      assert.deepEqual(await client.pubSubChannels('n*'), ['news']);
      await listener.unsubscribe('news');
      await listener.pUnsubscribe('n*s');
      assert.equal(await client.publish('news', 'nobody'), 0);
      // It comes back with its subscriptions.
      const list = await other.sendCommand(['CLIENT', 'LIST', 'TYPE', 'pubsub']);
      const [id] = list.match(/(?<=^id=)\d+/m);
      await other.sendCommand(['CLIENT', 'KILL', 'ID', id]);
      await until('the listener to be back', async () =>
        (await client.publish('weather', 'rain')) === 1 ? true : undefined,
      );
      await until('the message', () => (heard.length === 3 ? true : undefined));
      listener.destroy();
    },

    'blocking pops': async () => {
      assert.equal(await client.blPop('none', 0.1), null);
      const [first, last] = ['a', 'b'].map((element) => ({ key: 'queue', element }));
      const move = () => client.blMove('from', 'to', 'LEFT', 'RIGHT', 20);
      for (const [wait, act, expected] of [
        [() => client.blPop(['none', 'queue'], 20), () => other.rPush('queue', 'a'), first],
        [() => client.brPop('queue', 20), () => other.lPush('queue', ['b', 'c']), last],
        [move, () => other.rPush('from', 'd'), 'd'],
      ]) {
        const popped = wait();
        await waiting(other);
        await act();
        const found = await popped;
        assert.deepEqual(typeof found === 'string' ? found : plain(found), expected);
      }
      assert.equal(await other.lLen('queue'), 1);
    },

    iteration: async () => {
      const numbers = [...Array(1000).keys()];
      const pairs = Object.fromEntries(numbers.map((number) => [`scan:${number}`, `${number}`]));
      await client.mSet(pairs);
      const found = new Set();
      for await (const batch of client.scanIterator({ MATCH: 'scan:*', COUNT: 100 })) {
        batch.forEach((key) => found.add(key));
      }
      assert.equal(found.size, 1000);
      await client.hSet('big-hash', pairs);
      let fields = 0;
      for await (const batch of client.hScanIterator('big-hash')) fields += batch.length;
      assert.ok(fields >= 1000, `${fields}`);
    },

    errors: async () => {
      await client.set('text', 'v');
      await assert.rejects(client.lPush('text', '1'), /WRONGTYPE Operation against a key/);
      await assert.rejects(client.incr('text'), /ERR value is not an integer or out of range/);
      await assert.rejects(client.sendCommand(['GET']), /wrong number of arguments for 'get'/);
      await assert.rejects(client.sendCommand(['NO-SUCH', 'x']), (error) => {
        return error instanceof ErrorReply && /unknown command 'NO-SUCH'/.test(error.message);
      });
    },

    'big values': async () => {
      const value = 'abcdefg'.repeat(2 * 1024 * 1024);
      await client.set('big', value);
      assert.ok((await client.get('big')) === value);
    },

    reconnects: async () => {
      const id = await client.clientId();
      const back = new Promise((resolve) => client.once('ready', resolve));
      assert.equal(await other.sendCommand(['CLIENT', 'KILL', 'ID', `${id}`]), 1);
      await back;
      assert.equal(await client.get('text'), 'v');
      assert.equal(await client.clientGetName(), 'smoke');
      assert.notEqual(await client.clientId(), id);
    },
  });
  client.destroy();
  other.destroy();
};

main(async () => {
  await checks(2);
  await checks(3);
});
