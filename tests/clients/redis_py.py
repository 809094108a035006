"""redis-py against cachette-server: `python redis_py.py PORT`. RESP2 and RESP3, blocking and asyncio."""

import asyncio
import sys

import redis
import redis.asyncio

port = int(sys.argv[1])
checks = 0


def same(got, expected, what):
    global checks
    if got != expected:
        sys.exit(f"{what}: got {got!r}, expected {expected!r}")
    checks += 1


for protocol in (2, 3):
    r = redis.Redis(port=port, db=4, protocol=protocol, client_name="smoke")
    same(r.ping(), True, "ping")
    name = r.client_getname()
    same(name if isinstance(name, str) else name.decode(), "smoke", "name")
    same(r.set("k", "v", ex=100, nx=True), True, "set with options")
    same(r.set("k", "w", nx=True), None, "set that does nothing")
    same(r.ttl("k"), 100, "ttl")
    every = bytes(range(256))
    r.set("bytes", every)
    same(r.get("bytes"), every, "every byte value")
    r.mset({"a": 1, "b": 2})
    same(r.mget("a", "none", "b"), [b"1", None, b"2"], "mget")
    same(r.incrby("a", 41), 42, "incrby")
    same(r.hset("h", mapping={"f": 1, "g": 2}), 2, "hset")
    same(r.hgetall("h"), {b"f": b"1", b"g": b"2"}, "hgetall")
    same(r.sadd("s", "x", "y"), 2, "sadd")
    same(set(r.smembers("s")), {b"x", b"y"}, "smembers")
    same(r.zadd("z", {"one": 1, "two": 2.5}), 2, "zadd")
    same(r.zscore("z", "two"), 2.5, "zscore")
    same([tuple(pair) for pair in r.zrange("z", 0, -1, withscores=True)], [(b"one", 1.0), (b"two", 2.5)], "zrange")
    same(r.rpush("l", 1, 2, 3), 3, "rpush")
    same(r.lrange("l", 0, -1), [b"1", b"2", b"3"], "lrange")
    with r.pipeline(transaction=True) as pipe:
        same(pipe.incr("a").get("a").execute(), [43, b"43"], "transaction")
    with r.pipeline(transaction=False) as pipe:
        for number in range(10_000):
            pipe.set(f"many:{number}", number)
        same(all(pipe.execute()), True, "ten thousand in one pipeline")
    same(len(set(r.scan_iter("many:*", count=100))), 10_000, "scan")
    same(r.info()["redis_mode"], "standalone", "info")
    try:
        r.lpush("k", "x")
        sys.exit("a list command on a string must fail")
    except redis.exceptions.ResponseError as error:
        same(str(error).split()[0], "WRONGTYPE", "error")
    same(r.flushdb(), True, "flushdb")
    r.close()


async def concurrent():
    r = redis.asyncio.Redis(port=port, db=4, protocol=3)
    await asyncio.gather(*(r.set(f"c:{number}", number) for number in range(50)))
    same(await r.mget([f"c:{number}" for number in range(50)]), [str(number).encode() for number in range(50)], "asyncio")
    await r.flushdb()
    await r.aclose()


asyncio.run(concurrent())
print(f"redis-py: {checks} checks passed")
