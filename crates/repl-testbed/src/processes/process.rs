//! A server process: started on a free port in a folder of its own, ended by its process id.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::wait_for;

/// A program that serves Redis' protocol and takes Redis' arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    name: String,
    path: PathBuf,
    variables: Vec<(&'static str, &'static str)>,
}

impl Program {
    /// The program at `path`, under a name for messages.
    #[must_use]
    pub fn at(name: &str, path: impl Into<PathBuf>) -> Self {
        Self { name: name.to_owned(), path: path.into(), variables: Vec::new() }
    }

    /// The same, with a variable in its environment.
    #[must_use]
    pub fn with_variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// The first program of this name in `PATH`; the error says that there is none.
    ///
    /// # Errors
    /// `NAME not found`
    pub fn in_path(name: &str) -> Result<Self, String> {
        let folders = env::var_os("PATH").unwrap_or_default();
        let mut paths = env::split_paths(&folders).map(|folder| folder.join(name));
        let found = paths.find(|path| path.is_file());
        found.map(|path| Self::at(name, path)).ok_or_else(|| format!("{name} not found"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What every server is told: nothing is saved, and nothing waits without need.
const DEFAULTS: [(&str, &str); 5] = [
    ("bind", "127.0.0.1"),
    ("save", ""),
    ("enable-debug-command", "yes"),
    ("repl-diskless-sync-delay", "0"),
    ("repl-ping-replica-period", "1"),
];

/// The configuration file in a server's folder, if it has one.
pub const CONFIG_FILE: &str = "server.conf";

/// Another process may take a port between our looking for it and the server's binding it.
const START_ATTEMPTS: usize = 5;
const LOG_TAIL_LINES: usize = 30;

/// How long a single read of the answer to the first question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A running server, killed when dropped. When that happens in a panic, the tail of its log is
/// printed.
#[derive(Debug)]
pub struct Process {
    program: Program,
    child: Child,
    port: u16,
    folder: PathBuf,
    directives: Vec<(String, String)>,
}

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: it may put things in order.
    Terminate,
    /// `SHUTDOWN SAVE`: as SIGTERM, and what it holds is written to disk.
    Save,
    /// SIGKILL.
    Kill,
}

impl Process {
    /// Starts a server with these directives on top of the defaults, a configuration file of this
    /// text if there is one, and waits until it answers.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start(program: &Program, file: Option<&str>, directives: &[(&str, &str)]) -> Self {
        for _ in 1..START_ATTEMPTS {
            if let Some(process) = Self::try_start(program, file, directives) {
                return process;
            }
        }
        panic!("{} did not start on any of {START_ATTEMPTS} ports", program.name);
    }

    fn try_start(
        program: &Program,
        file: Option<&str>,
        directives: &[(&str, &str)],
    ) -> Option<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("testbed-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        if let Some(text) = file {
            fs::write(folder.join(CONFIG_FILE), text).expect("the folder can be written");
        }
        let port = free_port();
        let directives = DEFAULTS.iter().chain(directives);
        let directives =
            directives.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let child = spawn(program, port, &folder, &directives);
        let mut process = Self { program: program.clone(), child, port, folder, directives };
        process.answers().then_some(process)
    }

    /// Waits until it answers. False when the port was taken under its hands.
    #[track_caller]
    fn answers(&mut self) -> bool {
        // Another server on that port answers as well: only our own counts.
        let pid = self.child.id().to_string();
        wait_for("a server that answers", || {
            if self.child.try_wait().expect("our own child can be asked").is_some() {
                return Ok(false);
            }
            let text = info(self.port).map_err(|error: io::Error| error.to_string())?;
            Ok::<_, String>(field(&text, "process_id").is_none_or(|found| found == pid))
        })
    }

    /// Ends the process and waits until it is gone.
    ///
    /// # Panics
    /// When it does not end, or with another status than it should.
    #[track_caller]
    pub fn stop(&mut self, how: Stop) {
        match how {
            Stop::Kill => self.child.kill().expect("our own child can be killed"),
            Stop::Terminate => self.signal(Signal::TERM),
            Stop::Save => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
                let sent = stream.and_then(|mut stream| stream.write_all(b"SHUTDOWN SAVE\r\n"));
                sent.expect("it reads the command");
            }
        }
        let status = wait_for("a server that ends", || {
            self.child.try_wait().expect("our own child can be asked").ok_or("it runs")
        });
        assert!(how == Stop::Kill || status.success(), "{}: {status}", self.program.name);
    }

    /// Stops it where it stands, until [`thaw`](Self::thaw).
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen process go on.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    #[track_caller]
    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let sent = kill_process(pid.expect("the system's numbers are positive"), signal);
        sent.expect("our own child can be sent a signal");
    }

    /// Starts it again, on its port and in its folder, with these directives on top of its own.
    ///
    /// # Panics
    /// When it does not start, or still runs.
    #[track_caller]
    pub fn start_again(&mut self, directives: &[(&str, &str)]) {
        let ended = self.child.try_wait().expect("our own child can be asked");
        assert!(ended.is_some(), "{} on {} still runs", self.program.name, self.port);
        let mut all = self.directives.clone();
        all.extend(directives.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        self.child = spawn(&self.program, self.port, &self.folder, &all);
        assert!(self.answers(), "{} did not start again on {}", self.program.name, self.port);
    }

    /// Where it runs, and finds `dump.rdb`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The port of the loopback device on which it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already: as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines.len().saturating_sub(LOG_TAIL_LINES);
            let name = &self.program.name;
            eprintln!("--- log of {name} on {}\n{}\n---", self.port, lines[tail..].join("\n"));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Starts the process. Its log is appended to.
fn spawn(program: &Program, port: u16, folder: &Path, directives: &Vec<(String, String)>) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log"));
    let log = log.expect("the temporary folder can be written");
    let mut command = Command::new(&program.path);
    command.envs(program.variables.iter().copied());
    if folder.join(CONFIG_FILE).exists() {
        command.arg(CONFIG_FILE);
    }
    command.args(["--port", &port.to_string()]).arg("--dir").arg(folder);
    for (name, value) in directives {
        // The words of a value are arguments of their own, but an empty value is one as well.
        command.arg(format!("--{name}"));
        match value.as_str() {
            "" => command.arg(""),
            words => command.args(words.split(' ')),
        };
    }
    let errors = log.try_clone().expect("a file can be opened twice");
    command.current_dir(folder).stdin(Stdio::null()).stdout(log).stderr(errors);
    let child = command.spawn();
    child.unwrap_or_else(|error| panic!("{} cannot be run: {error}", program.path.display()))
}

/// The text of `INFO server`, asked by a client that needs nothing.
fn info(port: u16) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(b"INFO server\r\n")?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let count = line.trim_end().strip_prefix('$').and_then(|count| count.parse().ok());
    let count: usize =
        count.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, line.clone()))?;
    let mut text = vec![0; count];
    stream.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The value of a field in the text of `INFO`.
#[must_use]
pub fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut values = info.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    values.next()
}

/// A port of the loopback device on which nobody listens now.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = listener.expect("the loopback device has free ports");
    listener.local_addr().expect("a bound listener has an address").port()
}
