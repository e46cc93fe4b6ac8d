//! The command line, in redis-server's grammar.
//!
//! `repl-server [/path/to.conf] [--directive value ...] [-]`: options are lines of configuration
//! that come after the file, `-` reads more lines from standard input. `repl-server explain FILE`
//! serves nobody and explains a log. Owns the grammar and the
//! help text; reads nothing.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use repl_core::base::config::quoted;

use crate::{
    NAME, VERSION,
    config_file::split_words,
    inspect::{Target, tail::Until},
};

/// The version of Redis whose behaviour clients see.
pub const REDIS_VERSION: &str = "7.0.15";

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Print [`help`].
    Help,
    /// Print [`version`].
    Version,
    /// Explain the log in this file; `-` is standard input.
    Explain(Vec<u8>),
    /// Print the stream of this server.
    Tail(Target, Until),
    /// Compare these two servers.
    Diff(Target, Target),
    /// Nothing that can be done: print this and how it is used.
    Misuse(&'static str),
    /// Run with this configuration.
    Run(Sources),
}

/// Where the configuration comes from; what comes later wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Path of the configuration file.
    pub file: Option<Vec<u8>>,
    /// Whether standard input is read after the file.
    pub stdin: Stdin,
    /// The options, one line of configuration each.
    pub lines: Vec<u8>,
}

/// Whether standard input holds lines of configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// No.
    #[default]
    Unread,
    /// Yes: `-` was the first or the last argument.
    Lines,
}

/// Understands the arguments that follow the name of the program.
#[must_use]
pub fn parse(args: &[Vec<u8>]) -> Request {
    match args.first().map(Vec::as_slice) {
        Some(b"-h" | b"--help") => return Request::Help,
        Some(b"-v" | b"--version") => return Request::Version,
        // A configuration file of that name is `./explain`.
        Some(b"explain") => {
            return match args {
                [_, file] => Request::Explain(file.clone()),
                _ => Request::Misuse("explain takes the log of one server: explain FILE"),
            };
        }
        Some(b"tail") => return tail(args),
        Some(b"diff") => return diff(args),
        Some(_) | None => {}
    }
    let mut sources = Sources::default();
    let mut rest = args;
    if let Some((first, tail)) = args.split_first()
        && !first.starts_with(b"-")
    {
        sources.file = Some(first.clone());
        rest = tail;
    }
    if rest.first().is_some_and(|first| first == b"-") && sources.file.is_none() {
        sources.stdin = Stdin::Lines;
        rest = rest.split_first().map_or(&[][..], |(_, tail)| tail);
    }
    if let Some((last, front)) = rest.split_last()
        && last == b"-"
    {
        sources.stdin = Stdin::Lines;
        rest = front;
    }
    sources.lines = lines(rest);
    Request::Run(sources)
}

/// `tail HOST:PORT [--user NAME] [--pass WORD] [--count N]`
fn tail(args: &[Vec<u8>]) -> Request {
    const USAGE: &str =
        "tail takes one server: tail HOST:PORT [--user NAME] [--pass WORD] [--count N]";
    let Some(Asked { targets, count }) = asked(args) else { return Request::Misuse(USAGE) };
    match <[Target; 1]>::try_from(targets) {
        Ok([target]) => Request::Tail(target, count.map_or(Until::Interrupted, Until::Count)),
        Err(_) => Request::Misuse(USAGE),
    }
}

/// `diff HOST:PORT HOST:PORT [--user NAME] [--pass WORD]`
fn diff(args: &[Vec<u8>]) -> Request {
    const USAGE: &str =
        "diff takes two servers: diff HOST:PORT HOST:PORT [--user NAME] [--pass WORD]";
    let Some(Asked { targets, count: None }) = asked(args) else { return Request::Misuse(USAGE) };
    match <[Target; 2]>::try_from(targets) {
        Ok([one, other]) => Request::Diff(one, other),
        Err(_) => Request::Misuse(USAGE),
    }
}

/// What follows the name of a command that looks at servers.
struct Asked {
    targets: Vec<Target>,
    count: Option<u64>,
}

fn asked(args: &[Vec<u8>]) -> Option<Asked> {
    let mut asked = Asked { targets: Vec::new(), count: None };
    let (mut user, mut password) = (String::new(), String::new());
    let mut words = args.iter().skip(1).map(|word| core::str::from_utf8(word).ok());
    while let Some(word) = words.next() {
        match word? {
            "--user" => user = words.next()??.to_owned(),
            "--pass" => password = words.next()??.to_owned(),
            "--count" => {
                asked.count = Some(words.next()??.parse().ok().filter(|count| *count > 0)?);
            }
            place => asked.targets.push(Target::parse(place)?),
        }
    }
    for target in &mut asked.targets {
        (target.user, target.password) = (user.clone(), password.clone());
    }
    Some(asked)
}

/// The options as lines. The word after a lone `--name` is its value even if it begins with `--`;
/// only `--save` may stand alone and then means `save ""`.
fn lines(args: &[Vec<u8>]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut name_waits = false;
    for (index, arg) in args.iter().enumerate() {
        let Some(name) = arg.strip_prefix(b"--").filter(|_| !name_waits) else {
            if !lines.is_empty() {
                lines.push(b' ');
            }
            lines.extend(quoted(arg).bytes());
            name_waits = false;
            continue;
        };
        if !lines.is_empty() {
            lines.push(b'\n');
        }
        lines.extend(name);
        // `"--port 6380"` as one argument brings its value along.
        name_waits = split_words(name).is_some_and(|words| words.len() == 1);
        let value_follows = args.get(index + 1).is_some_and(|next| !next.starts_with(b"--"));
        if name_waits && !value_follows && name.eq_ignore_ascii_case(b"save") {
            lines.extend(b" \"\"");
            name_waits = false;
        }
    }
    lines
}

/// What `--version` prints.
#[must_use]
pub fn version() -> String {
    let allocator = if cfg!(feature = "jemalloc") { "jemalloc" } else { "system" };
    let bits = usize::BITS;
    format!("{NAME} v={VERSION} redis_version={REDIS_VERSION} malloc={allocator} bits={bits}")
}

/// What `--help` prints.
#[must_use]
pub fn help() -> String {
    format!(
        "\
Usage: {NAME} [/path/to/{NAME}.conf] [--directive value ...] [-]
       {NAME} explain FILE
       {NAME} tail HOST:PORT [--user NAME] [--pass WORD] [--count N]
       {NAME} diff HOST:PORT HOST:PORT [--user NAME] [--pass WORD]
       {NAME} -v or --version
       {NAME} -h or --help

Every directive of a configuration file is also an option; options win over the file.
A last argument - reads more lines from standard input.
explain tells of each resynchronisation in the log of a Redis, a Valkey or this server why it was
a full one, and which directive would have saved it; - is standard input.
tail prints the stream of a server as a replica is told it: offset, database, command. It shows up
among the server's replicas, and WAIT does not count it.
diff follows two servers until both have told the same bytes, names the keys that differ, and ends
with 0 when there are none, 1 when there are, 2 when it cannot tell.
Both take the password from REDISCLI_AUTH, too, and need a port without TLS.

Examples:
       {NAME}                                        (port 6379, nothing saved)
       {NAME} --port 7777
       {NAME} --port 7778 --replicaof 127.0.0.1 7777
       {NAME} /etc/redis.conf --loglevel verbose
       echo 'repl-backlog-size 16mb' | {NAME} -
       {NAME} explain /var/log/redis/redis-server.log
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Sources {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        match parse(&args) {
            Request::Run(sources) => sources,
            other @ (Request::Help
            | Request::Version
            | Request::Explain(_)
            | Request::Tail(..)
            | Request::Diff(..)
            | Request::Misuse(_)) => panic!("{other:?}"),
        }
    }

    fn lines_of(args: &[&str]) -> String {
        String::from_utf8(run(args).lines).expect("the tests are text")
    }

    #[test]
    fn options_become_lines_of_configuration() {
        assert_eq!(lines_of(&["--port", "7"]), r#"port "7""#);
        assert_eq!(
            lines_of(&["--port", "7", "--dir", "/a b", "--save", ""]),
            "port \"7\"\ndir \"/a b\"\nsave \"\""
        );
        assert_eq!(lines_of(&["--replicaof", "h", "1"]), r#"replicaof "h" "1""#);
        assert_eq!(lines_of(&["--hz 30", "--port", "7"]), "hz 30\nport \"7\"");
        assert_eq!(lines_of(&["--hz", "3\"4"]), r#"hz "3\"4""#);
    }

    #[test]
    fn a_value_may_begin_with_dashes_but_save_may_stand_alone() {
        assert_eq!(lines_of(&["--logfile", "--x"]), r#"logfile "--x""#);
        assert_eq!(lines_of(&["--save", "--hz", "3"]), "save \"\"\nhz \"3\"");
        assert_eq!(lines_of(&["--hz", "3", "--save"]), "hz \"3\"\nsave \"\"");
        assert_eq!(lines_of(&["--hz"]), "hz");
    }

    #[test]
    fn the_file_comes_first_and_a_dash_first_or_last() {
        let sources = run(&["a.conf", "--hz", "3", "-"]);
        assert_eq!(sources.file.as_deref(), Some(&b"a.conf"[..]));
        assert_eq!(sources.stdin, Stdin::Lines);
        assert_eq!(sources.lines, b"hz \"3\"");
        assert_eq!(run(&["-"]).stdin, Stdin::Lines);
        assert_eq!(run(&["-", "--hz", "3"]).lines, b"hz \"3\"");
        assert_eq!(run(&[]), Sources::default());
    }

    #[test]
    fn a_log_is_explained_by_its_own_word() {
        let asked = |args: &[&str]| {
            let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
            parse(&args)
        };
        assert_eq!(asked(&["explain", "a.log"]), Request::Explain(b"a.log".to_vec()));
        assert_eq!(asked(&["explain", "-"]), Request::Explain(b"-".to_vec()));
        for wrong in [&["explain"][..], &["explain", "a", "b"]] {
            assert!(matches!(asked(wrong), Request::Misuse(_)), "{wrong:?}");
        }
        assert_eq!(run(&["./explain"]).file.as_deref(), Some(&b"./explain"[..]));
        assert!(help().contains("explain FILE"));
    }

    #[test]
    fn help_and_version_are_asked_for_in_two_ways_each() {
        for (arg, request) in [
            ("-h", Request::Help),
            ("--help", Request::Help),
            ("-v", Request::Version),
            ("--version", Request::Version),
        ] {
            assert_eq!(parse(&[arg.as_bytes().to_vec()]), request);
        }
        assert!(version().contains("redis_version=7.0.15"));
    }
}
