//! Configuration files and the grammar of their lines, which is also that of the command line.
//!
//! Owns splitting lines into words, `include`, and the error an operator reads when a line is
//! refused. What a directive means is none of its business: `repl_core::base::config` knows.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use std::{
    ffi::OsStr,
    fmt, fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use repl_core::{
    acl,
    base::{
        config::{Config, When},
        glob::{self, Case},
    },
    command::{RenameError, Table},
};

use crate::{NAME, VERSION, log::os_text};

/// Files that include each other stop here. redis-server 7.0 runs out of stack instead.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Where lines come from, as the error names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file itself, or what was piped into standard input.
    File,
    /// A file that another one included.
    Included(PathBuf),
    /// The command line, one line per option.
    CommandLine,
}

/// Why the server does not start.
#[derive(Debug)]
pub enum LoadError {
    /// A line was refused.
    Line {
        /// Where it stands.
        origin: Origin,
        /// Counted from one.
        number: usize,
        /// The line as it was written, without surrounding blanks.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read.
    Open {
        /// Which one.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { origin, number, text, reason } => {
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR ({NAME} {VERSION}) ***")?;
                match origin {
                    Origin::File => writeln!(f, "Reading the configuration file, at line {number}"),
                    Origin::Included(path) => {
                        let path = path.display();
                        writeln!(f, "Reading the configuration file {path}, at line {number}")
                    }
                    Origin::CommandLine => {
                        writeln!(f, "Reading the command line, at option {number}")
                    }
                }?;
                writeln!(f, ">>> '{text}'")?;
                f.write_str(reason)
            }
            Self::Open { path, error } => {
                let (path, error) = (path.display(), os_text(error));
                write!(f, "Fatal error, can't open config file '{path}': {error}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads the file at `path` into `config`.
///
/// # Errors
/// It cannot be read, or a line of it or of a file it includes is refused.
pub fn load_file(config: &mut Config, path: &Path) -> Result<(), LoadError> {
    let text = read(path)?;
    Loader { config, depth: 0 }.text(&Origin::File, &text)
}

/// Takes the lines of `text` into `config`; a later line wins over an earlier one.
///
/// # Errors
/// A line of it, or of a file it includes, is refused.
pub fn load_text(config: &mut Config, origin: &Origin, text: &[u8]) -> Result<(), LoadError> {
    Loader { config, depth: 0 }.text(origin, text)
}

struct Loader<'a> {
    config: &'a mut Config,
    /// How many files wait for the current one to end.
    depth: usize,
}

impl Loader<'_> {
    fn text(&mut self, origin: &Origin, text: &[u8]) -> Result<(), LoadError> {
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let refuse = |reason: String| LoadError::Line {
                origin: origin.clone(),
                number: index + 1,
                text: String::from_utf8_lossy(line).into_owned(),
                reason,
            };
            let Some(words) = split_words(line) else {
                return Err(refuse("Unbalanced quotes in configuration line".into()));
            };
            let Some((name, args)) = words.split_first() else { continue };
            if name.eq_ignore_ascii_case(b"include")
                && let [pattern] = args
            {
                if self.depth == INCLUDE_DEPTH_MAX {
                    return Err(refuse("Too many files that include each other".into()));
                }
                self.include(Path::new(OsStr::from_bytes(pattern)))?;
                continue;
            }
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            if name.eq_ignore_ascii_case(b"user") && !args.is_empty() {
                self.user(&args).map_err(refuse)?;
                continue;
            }
            if name.eq_ignore_ascii_case(b"rename-command")
                && let [old, new] = args[..]
            {
                self.rename(old, new).map_err(|error| refuse(error.to_string()))?;
                continue;
            }
            self.config
                .set(name, &args, When::Boot)
                .map_err(|error| refuse(error.reason.to_string()))?;
        }
        Ok(())
    }

    /// Takes the words behind `user`.
    // redis: acl.c, ACLAppendUserForLoading
    fn user(&mut self, words: &[&[u8]]) -> Result<(), String> {
        let declared = acl::line(words).map_err(|(word, why)| (word, why.text()));
        let known = |line: &str| {
            let name = |line: &str| line.split(' ').next().map(str::to_owned);
            self.config.users.iter().any(|other| name(other) == name(line))
        };
        let line = match declared {
            Ok(line) if known(&line) => Err((
                words.first().copied().unwrap_or_default(),
                "Duplicate user found. A user can only be defined once in config files",
            )),
            other => other,
        };
        let line = line.map_err(|(word, why)| {
            format!("Error in user declaration '{}': {why}", String::from_utf8_lossy(word))
        })?;
        self.config.users.push(line);
        Ok(())
    }

    /// `rename-command OLD NEW`.
    fn rename(&mut self, old: &[u8], new: &[u8]) -> Result<(), RenameError> {
        let renamed = &mut self.config.renamed_commands;
        Table::with_renamed(renamed).rename(old, new)?;
        renamed.push((old.to_vec(), new.to_vec()));
        Ok(())
    }

    fn include(&mut self, pattern: &Path) -> Result<(), LoadError> {
        for path in expand(pattern)? {
            let text = read(&path)?;
            let mut inner = Loader { config: self.config, depth: self.depth + 1 };
            inner.text(&Origin::Included(path), &text)?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    fs::read(path).map_err(|error| LoadError::Open { path: path.to_owned(), error })
}

/// The files a path stands for: itself, or, if its last part is a pattern, all that match, in order
/// of their names. As in Redis a pattern may match nothing.
fn expand(pattern: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let Some(last) = pattern.file_name().filter(|last| {
        let special = |byte| b"*?[".contains(byte);
        last.as_bytes().iter().any(special)
    }) else {
        return Ok(vec![pattern.to_owned()]);
    };
    let parent = pattern.parent().unwrap_or_else(|| Path::new(""));
    let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let open = |error| LoadError::Open { path: folder.to_owned(), error };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(open)? {
        let name = entry.map_err(open)?.file_name();
        if glob::matches(last.as_bytes(), name.as_bytes(), Case::Sensitive) {
            paths.push(parent.join(name));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Splits a line into words: blanks separate, `"..."` takes escapes (`\n`, `\x41`, `\"`), `'...'`
/// takes everything but `\'` as it is. `None` if a quote does not end, or a word goes on right
/// after it ended.
///
/// redis: sds.c, sdssplitargs.
#[must_use]
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let mut word = Vec::new();
        loop {
            match rest {
                [] => break,
                [b'"', tail @ ..] => {
                    rest = double_quoted(tail, &mut word)?;
                    break;
                }
                [b'\'', tail @ ..] => {
                    rest = single_quoted(tail, &mut word)?;
                    break;
                }
                [blank, ..] if is_blank(*blank) => break,
                [byte, tail @ ..] => {
                    word.push(*byte);
                    rest = tail;
                }
            }
        }
        if rest.first().is_some_and(|byte| !is_blank(*byte)) {
            return None;
        }
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    Some(words)
}

/// What separates words: the blanks of ASCII, as `trim_ascii` knows them.
const fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// Takes a quoted part up to its closing `"` and returns what follows it.
fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(hex_digit(*high) << 4 | hex_digit(*low));
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    itself => *itself,
                });
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

/// Takes a quoted part up to its closing `'` and returns what follows it.
fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

/// The value of a hexadecimal digit.
const fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repl_core::base::config::quoted;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split_words(line.as_bytes())?;
        Some(words.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect())
    }

    fn load(text: &str) -> Result<Config, String> {
        let mut config = Config::default();
        let loaded = load_text(&mut config, &Origin::File, text.as_bytes());
        loaded.map(|()| config).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_are_renamed_one_after_the_other() {
        let text =
            "rename-command Config guess\nRENAME-COMMAND guess \"\"\nrename-command get config";
        let config = load(text).expect("each is there when its line is read");
        assert_eq!(config.renamed_commands.len(), 3);
        let table = Table::with_renamed(&config.renamed_commands);
        assert_eq!(table.find(b"CONFIG").map(|spec| spec.name), Some("get"));
        assert!(table.find(b"guess").is_none() && table.find(b"get").is_none());
        for (line, why) in [
            ("rename-command nosuch x", "No such command in rename-command"),
            ("rename-command '' x", "No such command in rename-command"),
            ("rename-command get SET", "Target command name already exists"),
            ("rename-command get", "Bad directive or wrong number of arguments"),
            ("rename-command get a b", "Bad directive or wrong number of arguments"),
        ] {
            let error = load(line).expect_err("no such name can be given");
            assert!(error.ends_with(why), "{line}: {error}");
        }
        let renamed = load("rename-command keys KEYS").expect("to its own name");
        assert_eq!(
            Table::with_renamed(&renamed.renamed_commands).iter().len(),
            Table::new().iter().len()
        );
    }

    #[test]
    fn quotes_and_escapes_are_those_of_redis() {
        let check = |line: &str, expect: &[&str]| {
            let expect: Vec<String> = expect.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(words(line), Some(expect), "{line}");
        };
        check("hz 20", &["hz", "20"]);
        check(" \t a  b ", &["a", "b"]);
        check(r#"x "a\x41\n\"b c""#, &["x", "aA\n\"b c"]);
        check(r"x 'it\'s \n'", &["x", r"it's \n"]);
        check(r#"x a"b""#, &["x", "ab"]);
        check("x a#b", &["x", "a#b"]);
        check(r#"save """#, &["save", ""]);
        for unbalanced in [r#"x "ab"c"#, r#"x "ab"#, "x 'ab", r#"x "a\"#] {
            assert_eq!(words(unbalanced), None, "{unbalanced}");
        }
    }

    #[test]
    fn quoting_any_bytes_is_undone_by_splitting() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(split_words(quoted(&all).as_bytes()), Some(vec![all]));
    }

    #[test]
    fn comments_and_blank_lines_are_skipped_and_later_lines_win() {
        let config = load("hz 20\n# hz 30\r\n\n   hz 33 \r\nreplicaof no one\n").expect("valid");
        assert_eq!(config.hz, 33);
        assert_eq!(config.replicaof, None);
    }

    #[test]
    fn a_refused_line_is_shown_with_its_number_and_reason() {
        let check = |text: &str, number: usize, line: &str, reason: &str| {
            let expect = format!(
                "\n*** FATAL CONFIG FILE ERROR ({NAME} {VERSION}) ***\n\
                 Reading the configuration file, at line {number}\n>>> '{line}'\n{reason}"
            );
            assert_eq!(load(text), Err(expect));
        };
        check("\n\nhz\n", 3, "hz", "wrong number of arguments");
        check("hz 20 # c\n", 1, "hz 20 # c", "wrong number of arguments");
        let unknown = "Bad directive or wrong number of arguments";
        check("hz 5\nnosuch a b\n", 2, "nosuch a b", unknown);
        check("save 60\n", 1, "save 60", "Invalid save parameters");
        check("replicaof localhost 99999", 1, "replicaof localhost 99999", "Invalid master port");
        let unbalanced = "Unbalanced quotes in configuration line";
        check("masterauth \"ab", 1, "masterauth \"ab", unbalanced);
    }

    #[test]
    fn save_lines_add_up_and_an_empty_one_starts_over() {
        assert_eq!(load("save 60 1\nsave \"70 2\"\n").expect("valid").save, [(60, 1), (70, 2)]);
        assert_eq!(load("save 60 1\nsave \"\"\nsave 70 2\n").expect("valid").save, [(70, 2)]);
    }

    #[test]
    fn an_included_file_is_read_where_it_stands() {
        let folder = TestFolder::new("include");
        folder.write("b1.conf", "hz 6\nmasterauth q\n");
        folder.write("b2.conf", "hz 7\n");
        let main = folder.write("a.conf", &format!("hz 5\ninclude {}/b*.conf\n", folder.path()));
        let mut config = Config::default();
        load_file(&mut config, &main).expect("valid");
        assert_eq!((config.hz, config.masterauth.as_str()), (7, "q"));

        folder.write("b1.conf", "\nbad q\n");
        let error = load_file(&mut config, &main).expect_err("bad is no directive").to_string();
        assert!(error.contains("b1.conf, at line 2\n>>> 'bad q'"), "{error}");

        folder.write("b1.conf", &format!("include {}\n", main.display()));
        let error = load_file(&mut config, &main).expect_err("endless").to_string();
        assert!(error.contains("include each other"), "{error}");

        let missing = load_file(&mut config, Path::new("/nonexistent")).expect_err("no such file");
        let text = "Fatal error, can't open config file '/nonexistent': No such file or directory";
        assert_eq!(missing.to_string(), text);
    }

    /// A folder that is gone after the test.
    struct TestFolder(PathBuf);

    impl TestFolder {
        fn new(test: &str) -> Self {
            let name = format!("repl-server-{test}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).expect("the temporary folder is writable");
            Self(path)
        }

        fn path(&self) -> std::path::Display<'_> {
            self.0.display()
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).expect("the temporary folder is writable");
            path
        }
    }

    impl Drop for TestFolder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
