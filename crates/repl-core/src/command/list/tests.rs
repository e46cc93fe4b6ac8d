//! Lists, through their commands.

use super::super::testing::Bench;

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn elements_come_and_go_at_both_ends_and_the_key_goes_with_the_last() {
    let mut bench = Bench::new();
    bench.check("LPUSHX l a", ":0", "");
    bench.check("RPUSH l a b", ":2", "RPUSH l a b");
    bench.check("LPUSH l y x", ":4", "LPUSH l y x");
    bench.check("LRANGE l 0 -1", "*4 $1 x $1 y $1 a $1 b", "");
    bench.check("LPOP l", "$1 x", "LPOP l");
    bench.check("RPOP l 2", "*2 $1 b $1 a", "RPOP l 2");
    bench.check("RPOP l 0", "*0", "");
    bench.check("LPOP l 9", "*1 $1 y", "LPOP l 9");
    bench.check("EXISTS l", ":0", "");
    bench.check("LPOP l", "$-1", "");
    bench.check("LPOP l 1", "*-1", "");
    bench.check("LPOP l -1", "-ERR value is out of range, must be positive", "");
    bench.check("LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command", "");
}

#[test]
fn indexes_count_from_either_end() {
    let mut bench = Bench::new();
    bench.check("LSET l 0 x", "-ERR no such key", "");
    bench.run("RPUSH l a b c");
    bench.check("LINDEX l -1", "$1 c", "");
    bench.check("LINDEX l 3", "$-1", "");
    bench.check("LINDEX none x", "$-1", "");
    bench.check("LSET l -3 A", "+OK", "LSET l -3 A");
    bench.check("LSET l 3 x", "-ERR index out of range", "");
    bench.check("LRANGE l -2 9", "*2 $1 b $1 c", "");
    bench.check("LRANGE l 2 1", "*0", "");
    bench.check("LRANGE l -9223372036854775808 0", "*1 $1 A", "");
}

#[test]
fn what_changes_nothing_is_not_told() {
    let mut bench = Bench::new();
    bench.run("RPUSH l a b a c a");
    bench.check("LREM l 1 x", ":0", "");
    bench.check("LREM l -1 a", ":1", "LREM l -1 a");
    bench.check("LREM l 0 a", ":2", "LREM l 0 a");
    bench.check("LTRIM l 0 -1", "+OK", "");
    bench.check("LINSERT l BEFORE x y", ":-1", "");
    bench.check("LINSERT l after b y", ":3", "LINSERT l after b y");
    bench.check("LINSERT l over b y", "-ERR syntax error", "");
    bench.check("LRANGE l 0 -1", "*3 $1 b $1 y $1 c", "");
    bench.check("LTRIM l 5 9", "+OK", "LTRIM l 5 9");
    bench.check("EXISTS l", ":0", "");
}

#[test]
fn positions_are_found_from_either_end() {
    let mut bench = Bench::new();
    bench.run("RPUSH l a b c a b a");
    bench.check("LPOS l a", ":0", "");
    bench.check("LPOS l x", "$-1", "");
    bench.check("LPOS l a RANK -1", ":5", "");
    bench.check("LPOS l a RANK 2 COUNT 0", "*2 :3 :5", "");
    bench.check("LPOS l a RANK -2 COUNT 1 MAXLEN 3", "*1 :3", "");
    bench.check("LPOS l a RANK -9223372036854775808", "$-1", "");
    bench.check("LPOS none a COUNT 1", "*0", "");
    bench.check("LPOS l a COUNT -1", "-ERR COUNT can't be negative", "");
    let (error, _) = bench.run("LPOS l a RANK 0");
    assert!(error.starts_with("-ERR RANK can't be zero: use 1 to start from"), "{error}");
}

#[test]
fn an_element_moves_between_lists_or_around_one() {
    let mut bench = Bench::new();
    bench.run("RPUSH l a b c");
    bench.check("LMOVE l l LEFT RIGHT", "$1 a", "LMOVE l l LEFT RIGHT");
    bench.check("LRANGE l 0 -1", "*3 $1 b $1 c $1 a", "");
    bench.check("RPOPLPUSH l m", "$1 a", "RPOPLPUSH l m");
    bench.run("RPUSH one x");
    bench.run("PEXPIRE one 500");
    bench.check("RPOPLPUSH one one", "$1 x", "RPOPLPUSH one one");
    bench.check("PTTL one", ":500", "");
    bench.run("SET s v");
    bench.check("LMOVE l s LEFT LEFT", WRONG, "");
    bench.check("LLEN l", ":2", "");
    bench.check("LMOVE none s LEFT LEFT", "$-1", "");
    bench.check("LMOVE l m UP LEFT", "-ERR syntax error", "");
}

#[test]
fn the_list_that_was_popped_from_is_told() {
    let mut bench = Bench::new();
    bench.run("RPUSH l a b c");
    bench.check("LMPOP 2 none l RIGHT COUNT 2", "*2 $1 l *2 $1 c $1 b", "RPOP l 2");
    bench.check("LMPOP 2 none l LEFT COUNT 9", "*2 $1 l *1 $1 a", "LPOP l 1");
    bench.check("LMPOP 2 none l LEFT", "*-1", "");
    bench.check("LMPOP 3 none l LEFT", "-ERR syntax error", "");
    bench.check("LMPOP 0 none LEFT", "-ERR numkeys should be greater than 0", "");
    bench.check("LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0", "");
    bench.run("SET s v");
    bench.check("LMPOP 2 s l LEFT", WRONG, "");
}

#[test]
fn a_blocking_command_that_finds_something_is_told_as_what_it_took() {
    let mut bench = Bench::new();
    bench.run("RPUSH l 1 2 3 4 5 6 7 8 9");
    bench.check("BLPOP none l 0", "*2 $1 l $1 1", "LPOP l");
    bench.check("BRPOP l none 0.5", "*2 $1 l $1 9", "RPOP l");
    bench.check("BLMOVE l m left Right 0", "$1 2", "LMOVE l m left Right");
    bench.check("BRPOPLPUSH l m 0", "$1 8", "RPOPLPUSH l m");
    bench.check("BLMPOP 0 2 none l RIGHT COUNT 2", "*2 $1 l *2 $1 7 $1 6", "RPOP l 2");
    bench.check("BLMPOP 0 1 l LEFT COUNT 99", "*2 $1 l *3 $1 3 $1 4 $1 5", "LPOP l 3");
    bench.check("LRANGE m 0 -1", "*2 $1 8 $1 2", "");
}

#[test]
fn a_blocking_command_that_finds_nothing_waits_for_all_its_keys() {
    let mut bench = Bench::new();
    bench.run("SET s v");
    bench.check("BLPOP a b 0", "+waits for a b", "");
    bench.check("BLMPOP 0 2 a b LEFT", "+waits for a b", "");
    bench.check("BLMOVE a s LEFT LEFT 0", "+waits for a", "");
    bench.check("BRPOPLPUSH a b 0", "+waits for a", "");
    bench.check("BLPOP a s 0", WRONG, "");
    bench.check("BLMOVE s a LEFT LEFT 0", WRONG, "");
    bench.check("BLPOP a x", "-ERR timeout is not a float or out of range", "");
    bench.check("BRPOP a -1", "-ERR timeout is negative", "");
    bench.check("BLMOVE a b LEFT up x", "-ERR syntax error", "");
    bench.check("BLMPOP x 0 a LEFT", "-ERR numkeys should be greater than 0", "");
    bench.check("BLMPOP x 1 a LEFT COUNT 0", "-ERR count should be greater than 0", "");
    bench.check("BLMPOP 1 2 a LEFT", "-ERR syntax error", "");
    bench.check("BLMPOP x 1 a LEFT", "-ERR timeout is not a float or out of range", "");
}
