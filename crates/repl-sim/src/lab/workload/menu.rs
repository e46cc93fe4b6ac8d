//! What clients may ask for, by group. A seed draws how much of each group its run has; some are
//! absent, and some dominate.
//!
//! A request is written with operands that are drawn when it is sent (see `fill`).

/// Commands that go together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// Commands that may change something.
    pub(super) writes: &'static [&'static str],
    /// Commands that change nothing.
    pub(super) reads: &'static [&'static str],
}

/// All groups. The first two are part of every run.
pub(super) const GROUPS: [Group; 10] =
    [STRINGS, KEYS, COUNTERS, LISTS, SETS, SORTED_SETS, HASHES, EXPIRY, MISFITS, WHOLE_DATABASES];

/// How many of the groups no run is without.
pub(super) const ALWAYS: usize = 2;

const STRINGS: Group = Group {
    writes: &[
        "@SET",
        "@SET",
        "@SET",
        "@SET",
        "SET @s @v",
        "APPEND @s @e",
        "APPEND @s @e",
        "SETRANGE @s @n @e",
        "SETRANGE @s 300 @e",
        "GETSET @s @v",
        "GETDEL @s",
        "SETNX @s @v",
        "MSET @s @v @s @v @s @v",
        "MSETNX @s @v @s @v",
        "GETEX @s PERSIST",
    ],
    reads: &["GET @s", "GET @s", "MGET @s @s @s", "STRLEN @s", "GETRANGE @s @i @i"],
};

const KEYS: Group = Group {
    writes: &[
        "DEL @s @s",
        "DEL @k @k",
        "DEL @k",
        "UNLINK @k @k",
        "RENAME @s @s",
        "RENAME @l @l",
        "RENAMENX @h @h",
        "RENAME @k @k",
        "COPY @t @t ?REPLACE",
        "COPY @l @l DB @b ?REPLACE",
        "COPY @k @k REPLACE",
        "MOVE @k @b",
        "SORT @l ALPHA STORE @l",
        "SORT @t ALPHA LIMIT 0 @n DESC|ASC STORE @l",
        "SORT @t BY nosort STORE @l",
        "SORT @z BY nosort DESC|ASC LIMIT 0 @n STORE @l",
        "COPY @z @z REPLACE",
    ],
    reads: &[
        "EXISTS @k @k @k",
        "TYPE @k",
        "TOUCH @k @k",
        "DBSIZE",
        "RANDOMKEY",
        "KEYS *:1*",
        "SCAN 0 COUNT 7",
        "OBJECT ENCODING @k",
        "SORT_RO @t ALPHA",
    ],
};

const COUNTERS: Group = Group {
    writes: &[
        "INCR @c",
        "INCR @c",
        "DECR @c",
        "INCRBY @c @N",
        "DECRBY @c @N",
        "INCRBYFLOAT @f @F",
        "INCRBYFLOAT @f @F",
        "INCRBYFLOAT @c @F",
        "APPEND @c 1",
        "DEL @c",
    ],
    reads: &["GET @c", "GET @f", "MGET @c @c @f"],
};

const LISTS: Group = Group {
    writes: &[
        "LPUSH @l @v",
        "LPUSH @l @m @m @m",
        "RPUSH @l @m @v @m",
        "RPUSH @l @m",
        "LPUSHX @l @m",
        "RPUSHX @l @m",
        "LPOP @l",
        "RPOP @l @n",
        "LPOP @l @n",
        "LMOVE @l @l LEFT|RIGHT LEFT|RIGHT",
        "LMOVE @l @l LEFT|RIGHT LEFT|RIGHT",
        "RPOPLPUSH @l @l",
        "LINSERT @l BEFORE|AFTER @m @m",
        "LSET @l @i @m",
        "LREM @l @i @m",
        "LTRIM @l 0 30",
        "LTRIM @l -20 -1",
        "LMPOP 2 @l @l LEFT|RIGHT COUNT @n",
    ],
    reads: &["LRANGE @l 0 -1", "LLEN @l", "LINDEX @l @i", "LPOS @l @m"],
};

const SETS: Group = Group {
    writes: &[
        "SADD @t @m @m @m",
        "SADD @t @m @v",
        "SADD @t @m",
        "SREM @t @m @m",
        "SPOP @t",
        "SPOP @t",
        "SPOP @t @n",
        "SPOP @t 30",
        "SMOVE @t @t @m",
        "SINTERSTORE @t @t @t",
        "SUNIONSTORE @t @t @t",
        "SDIFFSTORE @t @t @t",
    ],
    reads: &[
        "SMEMBERS @t",
        "SCARD @t",
        "SISMEMBER @t @m",
        "SMISMEMBER @t @m @m",
        "SRANDMEMBER @t @i",
        "SINTER @t @t",
        "SUNION @t @t",
        "SDIFF @t @t",
        "SINTERCARD 2 @t @t",
        "SSCAN @t 0",
    ],
};

const SORTED_SETS: Group = Group {
    writes: &[
        "ZADD @z @r @m @r @m @r @m",
        "ZADD @z @r @m @r @v",
        "ZADD @z NX|XX|GT|LT ?CH @r @m @r @m",
        "ZADD @z @r @m",
        "ZADD @z ?XX INCR @r @m",
        "ZINCRBY @z @r @m",
        "ZINCRBY @z @F @m",
        "ZREM @z @m @m",
        "ZPOPMIN @z",
        "ZPOPMAX @z @n",
        "ZMPOP 2 @z @z MIN|MAX COUNT @n",
        "BZPOPMIN @z 0.001",
        "ZREMRANGEBYRANK @z 20 -1",
        "ZREMRANGEBYSCORE @z @i @n",
        "ZREMRANGEBYLEX @z [m1 (m2",
        "ZRANGESTORE @z @z @i @n ?REV",
        "ZRANGESTORE @z @z -inf @N BYSCORE LIMIT 1 @n",
        "ZUNIONSTORE @z 2 @z @z AGGREGATE MAX|SUM",
        "ZUNIONSTORE @z 2 @z @t WEIGHTS @F @r",
        "ZINTERSTORE @z 2 @z @z AGGREGATE SUM|MIN|MAX",
        "ZDIFFSTORE @z 2 @z @t",
    ],
    reads: &[
        "ZRANGE @z 0 -1 WITHSCORES",
        "ZRANGE @z @i @i REV",
        "ZRANGEBYSCORE @z @N +inf LIMIT 0 @n",
        "ZCARD @z",
        "ZSCORE @z @m",
        "ZMSCORE @z @m @m",
        "ZRANK @z @m",
        "ZCOUNT @z -inf @N",
        "ZRANDMEMBER @z @i WITHSCORES",
        "ZUNION 2 @z @t WITHSCORES",
        "ZINTERCARD 2 @z @z",
        "ZDIFF 2 @z @z",
        "ZSCAN @z 0",
    ],
};

const HASHES: Group = Group {
    writes: &[
        "HSET @h @d @v",
        "HSET @h @d @m @d @m",
        "HSETNX @h @d @m",
        "HMSET @h @d @m @d @v",
        "HDEL @h @d @d",
        "HINCRBY @h @g @N",
        "HINCRBY @h @g 1",
        "HINCRBYFLOAT @h @g @F",
        "HINCRBYFLOAT @h @g @F",
    ],
    reads: &[
        "HGETALL @h",
        "HGET @h @d",
        "HMGET @h @d @g",
        "HLEN @h",
        "HKEYS @h",
        "HVALS @h",
        "HEXISTS @h @d",
        "HSTRLEN @h @d",
        "HRANDFIELD @h @i",
        "HSCAN @h 0",
    ],
};

/// Races for a key's life: it is given less time, more, none, or all of it.
const EXPIRY: Group = Group {
    writes: &[
        "EXPIRE @k @x",
        "EXPIRE @k @x NX|XX|GT|LT",
        "PEXPIRE @k @p",
        "PEXPIRE @k @p NX|XX|GT|LT",
        "EXPIREAT @k @A",
        "PEXPIREAT @k @a",
        "PEXPIREAT @k @a NX|XX|GT|LT",
        "PEXPIRE @k 1",
        "EXPIRE @k -1",
        "PERSIST @k",
        "GETEX @s EX @x",
        "GETEX @s PX @p",
        "GETEX @s PXAT @a",
        "GETEX @s EXAT @A",
        "SETEX @s @x @v",
        "PSETEX @s @p @v",
    ],
    reads: &["TTL @k", "PTTL @k", "EXPIRETIME @k", "PEXPIRETIME @k"],
};

/// Commands on keys of another type: refused, and without a trace.
const MISFITS: Group = Group {
    writes: &[
        "LPUSH @s @m",
        "INCR @l",
        "INCRBYFLOAT @t @F",
        "HSET @t @d @m",
        "SADD @h @m",
        "APPEND @l @e",
        "SPOP @l @n",
        "LMOVE @s @l LEFT RIGHT",
        "SMOVE @t @s @m",
        "ZADD @t 1 @m",
        "ZPOPMIN @h",
        "ZUNIONSTORE @z 2 @z @l",
        "LPUSH @z @m",
        "SINTERSTORE @t @s @t",
        "GETEX @l EX @x",
        "GETDEL @h",
        "HINCRBY @h @d 1",
        "SETRANGE @t 3 @e",
        "SORT @h STORE @l",
        "RENAME @l @t",
        "SET @k @v GET",
    ],
    reads: &["GET @h", "LRANGE @s 0 -1", "HGETALL @l", "SMEMBERS @s", "MGET @l @s @t"],
};

/// These hide what differs before them: rarely drawn, and rare where they are.
const WHOLE_DATABASES: Group = Group {
    writes: &["SWAPDB @b @b", "SWAPDB @b @b", "SWAPDB @b @b", "FLUSHDB", "FLUSHALL"],
    reads: &["DBSIZE"],
};

/// What feeds those that wait for an element.
pub(super) const PUSHES: &[&str] = &[
    "RPUSH @q @u",
    "RPUSH @q @u",
    "LPUSH @q @u",
    "RPUSH @q @u @u @u",
    "ZADD @Q 0 @u",
    "ZADD @Q 0 @u 0 @u",
];

/// The group that is drawn so many times less than it weighs.
pub(super) const RARE: (usize, u64) = (9, 40);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rare_group_is_the_one_that_empties_databases() {
        assert!(GROUPS[RARE.0].writes.contains(&"FLUSHALL"));
        assert!(GROUPS[..RARE.0].iter().all(|group| !group.writes.contains(&"FLUSHALL")));
    }
}
