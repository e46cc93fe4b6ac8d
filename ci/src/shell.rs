//! Running other programs: where they run, what they are told, and how their failure reads.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

/// Why a step failed, in words for the person who reads the log of CI.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure(String);

/// How a step ends.
pub type Outcome = Result<(), Failure>;

impl Failure {
    /// A failure in the words of `message`.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// `what` could not be done because of an error of the operating system.
    #[must_use]
    pub fn io(what: &str, error: &io::Error) -> Self {
        Self(format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The root of the workspace this command was built in.
///
/// # Panics
/// Never: the package lies in a folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    // Cargo says where the package is when it runs it; the path seen at build time serves a bare
    // binary.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().expect("the package ci is a folder of the workspace").to_path_buf()
}

/// A cargo command in `folder`. The folder must hold `.cargo/config.toml`: a `--manifest-path`
/// would lose it, and with it the flag that makes the simulation simulate.
#[must_use]
pub fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder).args(arguments);
    command
}

/// The command as a person would type it.
#[must_use]
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str());
    let words = [name].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn judged(command: &Command, status: io::Result<ExitStatus>) -> Outcome {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("`{}` ended with {status}", shown(command)))),
        Err(error) => Err(Failure::io(&format!("`{}` did not start", shown(command)), &error)),
    }
}

/// Runs the command, its output going where ours goes.
///
/// # Errors
/// It did not start, or ended with another status than zero.
pub fn run(mut command: Command) -> Outcome {
    eprintln!("ci: {}", shown(&command));
    let status = command.status();
    judged(&command, status)
}

/// Runs the command and returns what it printed; what it complains about goes where ours goes.
///
/// # Errors
/// As [`run`].
pub fn read(mut command: Command) -> Result<String, Failure> {
    let (_, text) = read_any(&mut command, |code| code == 0)?;
    Ok(text)
}

/// As [`read`], for commands that also tell something by their exit status: `accept` says of which.
///
/// # Errors
/// It did not start, or ended with a status that `accept` refuses.
pub fn read_any(
    command: &mut Command,
    accept: impl Fn(i32) -> bool,
) -> Result<(i32, String), Failure> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            return Err(judged(command, Err(error)).expect_err("an error is judged an error"));
        }
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(code) if accept(code) => Ok((code, text)),
        Some(_) | None => {
            let failure =
                Failure::new(format!("`{}` ended with {}", shown(command), output.status));
            Err(failure)
        }
    }
}

/// Whether CI runs this: then what cannot be checked is a failure.
#[must_use]
pub fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}

/// Whether a program of this name is on `PATH`.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failing_command_is_named() {
        assert_eq!(run(sh("exit 0")), Ok(()));
        let failure = run(sh("exit 3")).expect_err("status 3 is a failure");
        assert_eq!(failure.to_string(), "`sh -c exit 3` ended with exit status: 3");
        let failure = run(Command::new("no-such-program")).expect_err("it is not there");
        assert!(failure.to_string().starts_with("`no-such-program` did not start: "), "{failure}");
    }

    #[test]
    fn output_and_status_are_read() {
        assert_eq!(read(sh("echo a")), Ok("a\n".to_owned()));
        let read = read_any(&mut sh("echo b; exit 1"), |code| code <= 1);
        assert_eq!(read, Ok((1, "b\n".to_owned())));
        assert!(read_any(&mut sh("exit 2"), |code| code <= 1).is_err());
    }

    #[test]
    fn programs_are_looked_up() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program"));
    }
}
