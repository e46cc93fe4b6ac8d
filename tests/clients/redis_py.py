"""Smoke test with redis-py, as applications use it: redis_py.py PORT. Prints a line per check."""

import faulthandler
import sys
import threading
import time

import redis

PORT = int(sys.argv[1])

# Whoever hangs says where.
faulthandler.dump_traceback_later(60, exit=True)


def connect(protocol, **options):
    return redis.Redis(port=PORT, protocol=protocol, decode_responses=True, **options)


def connects(protocol):
    client = connect(protocol, client_name="smoke")
    assert client.ping()
    assert client.client_getname() == "smoke"
    assert client.info("server")["redis_version"].startswith("7.")
    assert "smoke" in [one["name"] for one in client.client_list()]
    # Servers before 7.2 know no SETINFO: the library must get along with either answer.
    try:
        assert client.client_setinfo("LIB-NAME", "smoke-lib")
        assert client.client_info()["lib-name"] == "smoke-lib"
    except redis.ResponseError as error:
        assert "unknown subcommand" in str(error).lower(), error
    other = connect(protocol, db=5)
    other.set("elsewhere", 1)
    assert client.get("elsewhere") is None
    assert client.echo("hello") == "hello"


def values_of_all_types(protocol):
    client = connect(protocol)
    assert client.set("s", "v", ex=100, nx=True) is True
    assert client.set("s", "w", nx=True) is None
    assert client.set("s", "w", get=True) == "v"
    assert client.incrby("n", 41) == 41 and client.incrbyfloat("n", 1) == 42.0
    assert client.mset({"a": 1, "b": 2}) and client.mget("a", "b", "none") == ["1", "2", None]
    assert client.rpush("l", *range(5)) == 5
    assert client.lrange("l", 1, -2) == ["1", "2", "3"]
    assert client.lpop("l", 2) == ["0", "1"] and client.lpos("l", "4") == 2
    assert client.sadd("set", "x", "y") == 2 and client.smembers("set") == {"x", "y"}
    assert client.smismember("set", ["x", "z"]) == [1, 0]
    assert client.hset("h", mapping={"f": 1, "g": "two"}) == 2
    assert client.hgetall("h") == {"f": "1", "g": "two"}
    assert client.hincrby("h", "f", 2) == 3
    assert client.expire("h", 100) and 0 < client.ttl("h") <= 100
    assert client.type("h") == "hash" and client.object("encoding", "a") == "int"
    assert client.delete("h", "none") == 1


def pipelines(protocol):
    client = connect(protocol)
    with client.pipeline(transaction=False) as pipe:
        for number in range(2000):
            pipe.set(f"p:{number}", number).get(f"p:{number}")
        replies = pipe.execute()
    assert replies[1::2] == [str(number) for number in range(2000)]
    with client.pipeline(transaction=False) as pipe:
        pipe.set("p", "text").lpush("p", 1).get("p")
        replies = pipe.execute(raise_on_error=False)
    assert replies[0] is True and replies[2] == "text"
    assert isinstance(replies[1], redis.ResponseError)


def transactions(protocol):
    client, other = connect(protocol), connect(protocol)
    with client.pipeline() as pipe:
        assert pipe.set("t", 1).incr("t").get("t").execute() == [True, 2, "2"]
    attempts = 0

    def increment(pipe):
        nonlocal attempts
        attempts += 1
        value = int(pipe.get("t"))
        if attempts < 3:
            other.incr("t")
        pipe.multi()
        pipe.set("t", value + 1)

    assert client.transaction(increment, "t") == [True]
    assert attempts == 3 and client.get("t") == "5"
    with client.pipeline() as pipe:
        pipe.watch("t")
        other.set("t", "changed")
        pipe.multi()
        pipe.set("t", "lost")
        try:
            pipe.execute()
            raise AssertionError("a watched key has changed")
        except redis.WatchError:
            pass
    with client.pipeline() as pipe:
        pipe.execute_command("NO-SUCH-COMMAND")
        try:
            pipe.execute()
            raise AssertionError("a transaction with an error ran")
        except redis.ResponseError as error:
            assert "unknown command" in str(error), error


def next_message(pubsub):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message = pubsub.get_message(timeout=1)
        if message:
            return message["type"], message["pattern"], message["channel"], message["data"]
    raise AssertionError("no message came")


def channels(protocol):
    client = connect(protocol)
    pubsub = client.pubsub()
    pubsub.subscribe("news", "weather")
    pubsub.psubscribe("n*s")
    seen = [next_message(pubsub) for _ in range(3)]
    assert [one[0] for one in seen] == ["subscribe", "subscribe", "psubscribe"], seen
    assert client.publish("news", "hello") == 2
    seen = [next_message(pubsub) for _ in range(2)]
    assert seen == [("message", None, "news", "hello"), ("pmessage", "n*s", "news", "hello")], seen
    assert client.pubsub_channels("n*") == ["news"] and client.pubsub_numpat() == 1
    if protocol == 2:
        pubsub.ping()
        assert next_message(pubsub)[0] == "pong"
    pubsub.unsubscribe("news")
    pubsub.punsubscribe()
    assert [next_message(pubsub)[0] for _ in range(2)] == ["unsubscribe", "punsubscribe"]
    assert client.publish("news", "nobody") == 0
    assert client.publish("weather", "rain") == 1
    assert next_message(pubsub) == ("message", None, "weather", "rain")
    pubsub.close()


def blocking_pops(protocol):
    client, other = connect(protocol), connect(protocol)
    assert client.blpop("none", timeout=0.1) is None
    other.rpush("queue", "ready")
    assert list(client.blpop(["none", "queue"], timeout=5)) == ["queue", "ready"]

    def later(act):
        def run():
            while not other.info("clients")["blocked_clients"]:
                time.sleep(0.01)
            act()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def move():
        return client.blmove("from", "to", 20, "LEFT", "RIGHT")

    for wait, act, expected in [
        (lambda: client.blpop("queue", 20), lambda: other.rpush("queue", "a"), ("queue", "a")),
        (lambda: client.brpop("queue", 20), lambda: other.lpush("queue", "b", "c"), ("queue", "b")),
        (move, lambda: other.rpush("from", "d"), "d"),
    ]:
        thread = later(act)
        found = wait()
        thread.join()
        assert (tuple(found) if isinstance(found, list) else found) == expected, (found, expected)
    assert other.lrange("to", 0, -1) == ["d"] and other.lrange("queue", 0, -1) == ["c"]
    assert other.blmpop(1, 2, "none", "queue", direction="LEFT", count=2) == ["queue", ["c"]]


def iteration(protocol):
    client = connect(protocol)
    client.mset({f"scan:{number}": number for number in range(1000)})
    found = list(client.scan_iter("scan:*", count=100))
    assert len(set(found)) == 1000, len(found)
    assert list(client.scan_iter("scan:*", _type="list")) == []
    client.sadd("big-set", *range(2000))
    assert len(set(client.sscan_iter("big-set"))) == 2000
    client.hset("big-hash", mapping={f"f{number}": number for number in range(2000)})
    assert dict(client.hscan_iter("big-hash"))["f1999"] == "1999"
    assert len(client.keys("scan:1?")) == 10


def errors(protocol):
    client = connect(protocol)
    client.set("text", "v")
    for words, expected in [
        (["LPUSH", "text", "1"], "WRONGTYPE Operation against a key"),
        (["INCR", "text"], "value is not an integer or out of range"),
        (["GET"], "wrong number of arguments for 'get' command"),
        (["NO-SUCH", "x"], "unknown command 'NO-SUCH'"),
        (["SET", "k", "v", "EX", "0"], "invalid expire time in 'set' command"),
    ]:
        try:
            client.execute_command(*words)
            raise AssertionError(f"{words} succeeded")
        except redis.ResponseError as error:
            assert expected in str(error), (words, error)
    assert client.get("text") == "v"


def big_values(protocol):
    client = redis.Redis(port=PORT, protocol=protocol)
    value = bytes(range(256)) * 64 * 1024
    assert client.set("big", value) and client.strlen("big") == len(value)
    assert client.get("big") == value
    client.rpush("big-list", *([value[:100_000]] * 50))
    assert client.lrange("big-list", 0, -1) == [value[:100_000]] * 50


def reconnects(protocol):
    client, other = connect(protocol), connect(protocol)
    client.set("r", 1)
    number = client.client_id()
    assert other.execute_command("CLIENT", "KILL", "ID", number) == 1
    assert client.get("r") == "1"
    assert client.client_id() != number


def replies_in_the_form_of_the_protocol(protocol):
    client = connect(protocol)
    client.hset("h3", mapping={"a": 1})
    client.sadd("s3", "a")
    hello = client.execute_command("HELLO", protocol)
    hello = hello if protocol == 3 else dict(zip(hello[::2], hello[1::2]))
    assert hello["proto"] == protocol
    assert client.config_get("maxmemory") == {"maxmemory": "0"}
    assert client.hrandfield("h3", 1, withvalues=True) in ([["a", "1"]], ["a", "1"])


CHECKS = [
    connects,
    values_of_all_types,
    pipelines,
    transactions,
    channels,
    blocking_pops,
    iteration,
    errors,
    big_values,
    reconnects,
    replies_in_the_form_of_the_protocol,
]

for protocol in (2, 3):
    connect(protocol).flushall()
    for check in CHECKS:
        check(protocol)
        name = check.__name__.replace("_", " ")
        print(f"redis-py {redis.__version__} RESP{protocol}: {name}", flush=True)
