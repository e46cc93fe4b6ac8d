//! Sorted sets without a node: replies, and what replicas are told.

use super::super::testing::Bench;

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.run("ZADD z 1 a 2 b 3 c 4 d");
    bench
}

#[test]
fn members_come_and_go_and_the_key_goes_with_the_last() {
    let mut bench = Bench::new();
    bench.check("ZADD z 2 b 1 a 3 b", ":2", "ZADD z 2 b 1 a 3 b");
    bench.check("ZADD z 1 a", ":0", "");
    bench.check("ZADD z CH 2 a 3 b", ":1", "ZADD z CH 2 a 3 b");
    bench.check("ZSCORE z a", "$1 2", "");
    bench.check("ZMSCORE z a x b", "*3 $1 2 $-1 $1 3", "");
    bench.check("ZRANK z b", ":1", "");
    bench.check("ZREVRANK z b", ":0", "");
    bench.check("ZRANK z x", "$-1", "");
    bench.check("ZREM z x", ":0", "");
    bench.check("ZREM z a b", ":2", "ZREM z a b");
    bench.check("EXISTS z", ":0", "");
}

#[test]
fn options_say_which_members_are_added_and_which_scores_change() {
    let mut bench = bench();
    bench.check("ZADD none XX 1 a", ":0", "");
    bench.check("EXISTS none", ":0", "");
    bench.check("ZADD z NX 9 a 5 e", ":1", "ZADD z NX 9 a 5 e");
    bench.check("ZADD z XX CH 9 x 6 e", ":1", "ZADD z XX CH 9 x 6 e");
    bench.check("ZADD z GT CH 0 a 3 b", ":1", "ZADD z GT CH 0 a 3 b");
    bench.check("ZADD z LT CH 9 a 2 b", ":1", "ZADD z LT CH 9 a 2 b");
    bench.check("ZADD z INCR 5 a", "$1 6", "ZADD z INCR 5 a");
    bench.check("ZADD z INCR 0 a", "$1 6", "");
    bench.check("ZADD z NX INCR 5 a", "$-1", "");
    bench.check("ZADD z GT INCR -5 a", "$-1", "");
    bench.check("ZADD none XX INCR 5 a", "$-1", "");
    let error = "-ERR GT, LT, and/or NX options at the same time are not compatible";
    bench.check("ZADD z GT LT 1 a", error, "");
    bench.check("ZADD z LT NX 1 a", error, "");
    let error = "-ERR XX and NX options at the same time are not compatible";
    bench.check("ZADD z NX XX 1 a", error, "");
    let error = "-ERR INCR option supports a single increment-element pair";
    bench.check("ZADD z INCR 1 a 2 b", error, "");
    bench.check("ZADD z CH 1", "-ERR syntax error", "");
    bench.check("ZADD z 1 a x b", "-ERR value is not a valid float", "");
    bench.check("ZSCORE z a", "$1 6", "");
}

#[test]
fn a_score_is_added_to_and_infinity_has_no_sum_with_its_opposite() {
    let mut bench = bench();
    bench.check("ZINCRBY z 1.1 a", "$18 2.1000000000000001", "ZINCRBY z 1.1 a");
    bench.check("ZINCRBY new -0 a", "$2 -0", "ZINCRBY new -0 a");
    bench.check("ZSCORE new a", "$1 0", "");
    bench.check("ZADD z inf a", ":0", "ZADD z inf a");
    let error = "-ERR resulting score is not a number (NaN)";
    bench.check("ZINCRBY z -inf a", error, "");
    bench.check("ZINCRBY z xx a", "-ERR syntax error", "");
    bench.check("ZSCORE z a", "$3 inf", "");
}

#[test]
fn parts_are_read_by_ranks_scores_and_members_from_either_end() {
    let mut bench = bench();
    for (line, reply) in [
        ("ZRANGE z 0 -1", "*4 $1 a $1 b $1 c $1 d"),
        ("ZRANGE z -2 9 WITHSCORES", "*4 $1 c $1 3 $1 d $1 4"),
        ("ZRANGE z 1 2 REV", "*2 $1 c $1 b"),
        ("ZREVRANGE z 0 0 WITHSCORES", "*2 $1 d $1 4"),
        ("ZRANGE z 3 1", "*0"),
        ("ZRANGEBYSCORE z (1 3", "*2 $1 b $1 c"),
        ("ZRANGEBYSCORE z -inf +inf LIMIT 1 2", "*2 $1 b $1 c"),
        ("ZRANGEBYSCORE z -inf +inf LIMIT -1 2", "*0"),
        ("ZRANGEBYSCORE z 3 1", "*0"),
        ("ZREVRANGEBYSCORE z 3 (1 LIMIT 1 -1", "*1 $1 b"),
        ("ZRANGE z (4 1 BYSCORE REV LIMIT 0 2", "*2 $1 c $1 b"),
        ("ZCOUNT z (1 (4", ":2"),
        ("ZRANGE none 0 -1", "*0"),
        ("ZCOUNT none 0 1", ":0"),
    ] {
        bench.check(line, reply, "");
    }
    bench.run("ZADD l 0 a 0 b 0 c 0 d");
    for (line, reply) in [
        ("ZRANGEBYLEX l - +", "*4 $1 a $1 b $1 c $1 d"),
        ("ZRANGEBYLEX l (a [c", "*2 $1 b $1 c"),
        ("ZREVRANGEBYLEX l [c (a LIMIT 1 1", "*1 $1 b"),
        ("ZRANGE l + [c BYLEX REV", "*2 $1 d $1 c"),
        ("ZLEXCOUNT l [b +", ":3"),
        ("ZLEXCOUNT l + -", ":0"),
        ("ZLEXCOUNT l (b [b", ":0"),
    ] {
        bench.check(line, reply, "");
    }
}

#[test]
fn what_is_wrong_with_a_range_is_said() {
    let mut bench = bench();
    let limit = "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX";
    bench.check("ZRANGE z 0 1 LIMIT 0 1", limit, "");
    bench.check("ZRANGE z 0 1 LIMIT 0 -1", "*2 $1 a $1 b", "");
    let scores = "-ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    bench.check("ZRANGE z - + BYLEX WITHSCORES", scores, "");
    bench.check("ZRANGEBYSCORE z 0 1 REV", "-ERR syntax error", "");
    bench.check("ZRANGEBYSCORE z nan 1", "-ERR min or max is not a float", "");
    bench.check("ZRANGEBYLEX z a +", "-ERR min or max not valid string range item", "");
    bench.check("ZRANGE z a 1", "-ERR value is not an integer or out of range", "");
    bench.check("ZRANGESTORE to z 0 -1 WITHSCORES", "-ERR syntax error", "");
    bench.run("SET s x");
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    for line in ["ZADD s 1 a", "ZRANGE s 0 1", "ZRANK s a", "ZUNION 1 s", "ZPOPMIN s", "ZSCAN s 0"]
    {
        bench.check(line, wrong, "");
    }
}

#[test]
fn parts_are_removed_and_stored() {
    let mut bench = bench();
    bench.check("ZRANGESTORE to z 1 2", ":2", "ZRANGESTORE to z 1 2");
    bench.check("ZRANGE to 0 -1 WITHSCORES", "*4 $1 b $1 2 $1 c $1 3", "");
    bench.check("ZRANGESTORE to z 9 9", ":0", "ZRANGESTORE to z 9 9");
    bench.check("EXISTS to", ":0", "");
    bench.check("ZRANGESTORE to none 0 1", ":0", "");
    bench.check("ZREMRANGEBYRANK z 8 9", ":0", "");
    bench.check("ZREMRANGEBYRANK z -1 -1", ":1", "ZREMRANGEBYRANK z -1 -1");
    bench.check("ZREMRANGEBYSCORE z 2 (3", ":1", "ZREMRANGEBYSCORE z 2 (3");
    bench.check("ZREMRANGEBYLEX z [a [a", ":1", "ZREMRANGEBYLEX z [a [a");
    bench.check("ZREMRANGEBYSCORE z -inf inf", ":1", "ZREMRANGEBYSCORE z -inf inf");
    bench.check("EXISTS z", ":0", "");
}

#[test]
fn pops_take_from_either_end_and_replicas_hear_which_and_how_many() {
    let mut bench = bench();
    bench.check("ZPOPMIN z", "*2 $1 a $1 1", "ZPOPMIN z");
    bench.check("ZPOPMIN z 0", "*0", "");
    bench.check("ZPOPMAX z 2", "*4 $1 d $1 4 $1 c $1 3", "ZPOPMAX z 2");
    bench.check("ZMPOP 2 none z MIN COUNT 5", "*2 $1 z *1 *2 $1 b $1 2", "ZPOPMIN z 1");
    bench.check("EXISTS z", ":0", "");
    bench.check("ZPOPMAX z", "*0", "");
    bench.check("ZMPOP 1 z MAX", "*-1", "");
    bench.check("ZPOPMIN z -1", "-ERR value is out of range, must be positive", "");
    bench.check("ZPOPMIN z 1 1", "-ERR syntax error", "");
    bench.check("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0", "");
    bench.check("ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0", "");
    bench.check("ZMPOP 1 z LEFT", "-ERR syntax error", "");
}

#[test]
fn who_waits_for_members_takes_what_is_there_or_waits() {
    let mut bench = bench();
    bench.check("BZPOPMIN none z 0", "*3 $1 z $1 a $1 1", "ZPOPMIN z");
    bench.check("BZPOPMAX z 0", "*3 $1 z $1 d $1 4", "ZPOPMAX z");
    bench.check("BZMPOP 0 1 z MAX COUNT 9", "*2 $1 z *2 *2 $1 c $1 3 *2 $1 b $1 2", "ZPOPMAX z 2");
    bench.check("BZPOPMIN a b 0", "+waits for a b", "");
    bench.check("BZMPOP 0 2 a b MIN", "+waits for a b", "");
    bench.check("BZPOPMIN a x", "-ERR timeout is not a float or out of range", "");
}

#[test]
fn sorted_sets_and_sets_are_added_intersected_and_subtracted() {
    let mut bench = bench();
    bench.run("ZADD y 10 b 20 c 30 e");
    bench.run("SADD s c x");
    for (line, reply) in [
        ("ZUNION 2 z s", "*5 $1 a $1 x $1 b $1 c $1 d"),
        (
            "ZUNION 3 z y none WITHSCORES",
            "*10 $1 a $1 1 $1 d $1 4 $1 b $2 12 $1 c $2 23 $1 e $2 30",
        ),
        ("ZINTER 2 z y WEIGHTS 2 1 WITHSCORES", "*4 $1 b $2 14 $1 c $2 26"),
        ("ZINTER 3 z y s WITHSCORES AGGREGATE MIN", "*2 $1 c $1 1"),
        ("ZUNION 2 z y AGGREGATE MAX WEIGHTS 100 0", "*5 $1 e $1 a $1 b $1 c $1 d"),
        ("ZDIFF 2 z y WITHSCORES", "*4 $1 a $1 1 $1 d $1 4"),
        ("ZDIFF 2 s z", "*1 $1 x"),
        ("ZINTERCARD 2 z y", ":2"),
        ("ZINTERCARD 2 z y LIMIT 1", ":1"),
        ("ZINTERCARD 2 z y LIMIT -1", "-ERR LIMIT can't be negative"),
        ("ZUNION 0 z", "-ERR at least 1 input key is needed for 'zunion' command"),
        ("ZUNION 3 z y", "-ERR syntax error"),
        ("ZUNION x z", "-ERR value is not an integer or out of range"),
        ("ZUNION 1 z WEIGHTS x", "-ERR weight value is not a float"),
        ("ZDIFF 1 z WEIGHTS 1", "-ERR syntax error"),
        ("ZINTER 1 z AGGREGATE AVG", "-ERR syntax error"),
    ] {
        bench.check(line, reply, "");
    }
    bench.run("ZADD i inf a");
    bench.run("ZADD j -inf a");
    bench.check("ZUNION 2 i j WITHSCORES", "*2 $1 a $1 0", "");
    bench.check("ZINTER 1 i WEIGHTS 0 WITHSCORES", "*2 $1 a $1 0", "");
}

#[test]
fn what_is_stored_replaces_whatever_was_there() {
    let mut bench = bench();
    bench.run("SET to string EX 10");
    bench.check("ZUNIONSTORE to 1 z WEIGHTS 2", ":4", "ZUNIONSTORE to 1 z WEIGHTS 2");
    bench.check("TTL to", ":-1", "");
    bench.check("ZRANGE to -1 -1 WITHSCORES", "*2 $1 d $1 8", "");
    bench.check("ZDIFFSTORE to 2 z z", ":0", "ZDIFFSTORE to 2 z z");
    bench.check("ZDIFFSTORE to 2 z z", ":0", "");
    bench.check("ZINTERSTORE z 2 z z", ":4", "ZINTERSTORE z 2 z z");
    bench.check("ZSCORE z d", "$1 8", "");
    bench.check("ZUNIONSTORE to 1 z WITHSCORES", "-ERR syntax error", "");
}

#[test]
fn chance_and_scans_leave_the_set_alone() {
    let mut bench = bench();
    bench.check("ZRANDMEMBER z 9", "*4 $1 a $1 b $1 c $1 d", "");
    assert!(bench.run("ZRANDMEMBER z -9 WITHSCORES").0.starts_with("*18 "));
    bench.check("ZRANDMEMBER none", "$-1", "");
    bench.check("ZRANDMEMBER none 2", "*0", "");
    bench.check("ZRANDMEMBER z 2 x", "-ERR syntax error", "");
    let far = "ZRANDMEMBER z 9223372036854775807 WITHSCORES";
    bench.check(far, "-ERR value is out of range", "");
    bench.run("ZADD z 1e17 e");
    bench.check("ZSCAN z 0 MATCH [ae]", "*2 $1 0 *4 $1 a $1 1 $1 e $18 100000000000000000", "");
    bench.check("ZSCORE z e", "$5 1e+17", "");
}

#[test]
fn a_small_sorted_set_can_be_sorted_and_stays_small() {
    let mut bench = Bench::new();
    bench.run("ZADD z 1e-310 3 1 1 2 2");
    bench.check("SORT z", "*3 $1 1 $1 2 $1 3", "");
    bench.check("SORT z BY nosort DESC LIMIT 0 2", "*2 $1 2 $1 1", "");
    bench.check("SORT_RO z ALPHA DESC", "*3 $1 3 $1 2 $1 1", "");
    bench.check("OBJECT ENCODING z", "$8 listpack", "");
}
