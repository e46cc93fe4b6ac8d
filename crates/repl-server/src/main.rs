//! The server's process: from arguments to a running driver, and back to an exit status.
//!
//! Owns the order of things at boot. Everything it calls is in the library; nothing here knows the
//! protocol.

use std::{
    env,
    fmt::Display,
    fs,
    io::{self, Read as _, Write as _},
    mem,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::{self, ExitCode},
};

use repl_core::{
    Node,
    base::{
        config::{Config, Directive, Effect},
        rng::Seed,
    },
    io::{Input, Level, Signal},
};
use repl_server::{
    NAME, VERSION,
    args::{self, Request, Sources, Stdin},
    config_file::{LoadError, Origin, load_file, load_text},
    driver::Driver,
    explain::{ExplainError, explain},
    inspect::{
        Target,
        diff::{Found, diff},
        tail::{Until, tail},
    },
    log::{self, Role},
    open_files,
    platform::Platform as _,
    signals::{Signals, Termination},
    tokio_platform::{
        Acceptor, BindError, TokioPlatform, bind_all, bind_tls, bind_unix, enter_folder, run,
    },
};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let words: Vec<Vec<u8>> = env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    match args::parse(&words) {
        Request::Help => print!("{}", args::help()),
        Request::Version => println!("{}", args::version()),
        Request::Explain(file) => return explain_log(&file),
        Request::Tail(target, until) => return tail_stream(target, until),
        Request::Diff(one, other) => return diff_servers(one, other),
        Request::Misuse(text) => {
            eprintln!("{NAME}: {text}\n\n{}", args::help());
            return ExitCode::from(2);
        }
        Request::Run(sources) => return start(&sources),
    }
    ExitCode::SUCCESS
}

/// `explain FILE`: 0, or 1 when the log cannot be read or printed.
fn explain_log(file: &[u8]) -> ExitCode {
    let path = PathBuf::from(std::ffi::OsString::from_vec(file.to_vec()));
    let mut out = io::BufWriter::new(io::stdout().lock());
    let told = explain(&path, &mut out).and_then(|()| out.flush().map_err(ExplainError::Write));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{NAME}: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// `tail HOST:PORT`: 0, or 1 when there is no stream any more.
fn tail_stream(target: Target, until: Until) -> ExitCode {
    match tail(&with_password(target), until, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{NAME}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `diff HOST:PORT HOST:PORT`: 0 when they are equal, 1 when not, 2 when that is unknown.
fn diff_servers(one: Target, other: Target) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match diff(&with_password(one), &with_password(other), &mut out) {
        Ok(Found::Equal) => ExitCode::SUCCESS,
        Ok(Found::Different) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{NAME}: {error}");
            ExitCode::from(2)
        }
    }
}

/// Secrets need not stand on the command line, where all users of the host see them.
fn with_password(mut target: Target) -> Target {
    if target.password.is_empty() {
        target.password = env::var("REDISCLI_AUTH").unwrap_or_default();
    }
    target
}

/// Boots in the order that lets every error be seen: configuration, folder, log, process id,
/// sockets.
fn start(sources: &Sources) -> ExitCode {
    end_on_panic();
    let config_file = sources.file.as_deref().map(absolute).unwrap_or_default();
    let config = configure(sources, &config_file).map_err(|error| error.to_string());
    let config = match config.and_then(enter_first_folder) {
        Ok(config) => config,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = log::install(&config.logfile, config.loglevel) {
        eprintln!("Can't open the log file: {}", log::os_text(&error));
        return ExitCode::FAILURE;
    }
    greet(&config, &config_file);
    let _pid_file = PidFile::write(&config.pidfile);
    match run(serve(config, config_file.to_string_lossy().into_owned())) {
        Ok(status) => status,
        Err(error) => fail(&format!("Can't start the event loop: {error}")),
    }
}

/// Listens, drives the node until it asks to exit, and returns its status.
async fn serve(mut config: Config, config_file: String) -> ExitCode {
    if let Err(error) = allow_clients(&mut config) {
        return fail(&error.to_string());
    }
    let platform = TokioPlatform::new(config_file, config.tcp_keepalive);
    let acceptors = match set_up_tls(&config, &platform).and_then(|()| listen(&config, &platform)) {
        Ok(acceptors) => acceptors,
        Err(text) => return fail(&text),
    };
    let (signals, seed) = match (Signals::take_over(), os_seed()) {
        (Ok(signals), Ok(seed)) => (signals, seed),
        (Err(error), _) => return fail(&format!("Can't handle signals: {error}")),
        (_, Err(error)) => return fail(&format!("Can't read the system's randomness: {error}")),
    };
    let node = Node::from_disk(config, seed, platform.now());
    let driver = Driver::new(platform, node);
    for acceptor in acceptors {
        driver.serve(acceptor);
    }
    driver.platform().spawn(obey(signals, driver.clone()));
    let status = driver.run().await;
    // The dataset is left to the operating system, which takes it back at once: to free a large one
    // key by key would have everybody wait for the end of their connections.
    mem::forget(driver);
    // The operating system keeps eight bits of a status.
    ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))
}

/// Reads certificates and keys, if they are wanted for anything.
fn set_up_tls(config: &Config, platform: &TokioPlatform) -> Result<(), String> {
    if !config.tls.is_wanted() {
        return Ok(());
    }
    platform.tls().load(&config.tls).map_err(|error| {
        platform.log(Level::Warning, &error.to_string());
        "Failed to configure TLS. Check logs for more info.".to_owned()
    })
}

/// Everything the server listens on, or why it cannot.
fn listen(config: &Config, platform: &TokioPlatform) -> Result<Vec<Acceptor>, String> {
    // To the operating system port 0 is any free one; to Redis it means not to listen.
    if config.shown_port() == 0 && config.unixsocket.is_empty() {
        return Err("Configured to not listen anywhere, exiting.".to_owned());
    }
    let refused = |port: u16, kind: &str, error: &BindError| {
        platform.log(Level::Warning, &format!("Warning: {error}"));
        format!("Failed listening on port {port} ({kind}), aborting.")
    };
    let mut acceptors = Vec::new();
    if config.port != 0 {
        let plain = bind_all(config).map_err(|error| refused(config.port, "TCP", &error))?;
        acceptors.extend(plain);
    }
    if config.tls.port != 0 {
        let protected = bind_tls(config, platform.tls());
        acceptors.extend(protected.map_err(|error| refused(config.tls.port, "TLS", &error))?);
    }
    if config.shown_port() != 0 && acceptors.is_empty() {
        return Err("No address of bind exists on this host, exiting.".to_owned());
    }
    acceptors.extend(
        bind_unix(config).map_err(|error| {
            format!("Failed opening Unix socket: bind: {}", log::os_text(&error))
        })?,
    );
    Ok(acceptors)
}

/// Has the operating system allow as many open files as clients need, or serves fewer clients.
fn allow_clients(config: &mut Config) -> Result<(), open_files::TooFew> {
    let allowance = open_files::raise(config.maxclients)?;
    for (level, text) in allowance.remarks {
        log::write(Role::Master, level, &text);
    }
    config.maxclients = allowance.maxclients;
    Ok(())
}

/// Tells the node when the operator wants the process to end. Who insists gets it at once.
async fn obey(mut signals: Signals, driver: Driver<TokioPlatform>) {
    let mut interrupted = false;
    loop {
        let signal = signals.next().await;
        if signal == Termination::Interrupt && interrupted {
            driver.platform().log(Level::Warning, "You insist... exiting now.");
            process::exit(1);
        }
        interrupted |= signal == Termination::Interrupt;
        let text = format!("Received {} scheduling shutdown...", signal.name());
        driver.platform().log(Level::Warning, &text);
        driver.input(Input::Terminate(match signal {
            Termination::Terminate => Signal::Terminate,
            Termination::Interrupt => Signal::Interrupt,
        }));
    }
}

/// The configuration: defaults, then the file, then standard input, then the options.
fn configure(sources: &Sources, config_file: &Path) -> Result<Config, LoadError> {
    let mut config = Config::default();
    if sources.file.is_some() {
        load_file(&mut config, config_file)?;
    }
    if sources.stdin == Stdin::Lines {
        let mut text = Vec::new();
        let open = |error| LoadError::Open { path: PathBuf::from("-"), error };
        io::stdin().read_to_end(&mut text).map_err(open)?;
        load_text(&mut config, &Origin::File, &text)?;
    }
    load_text(&mut config, &Origin::CommandLine, &sources.lines)?;
    Ok(config)
}

/// Enters `dir`, if there is one, and lets the configuration know where that is.
fn enter_first_folder(mut config: Config) -> Result<Config, String> {
    if config.dir.is_empty() {
        ".".clone_into(&mut config.dir);
    }
    let folder = config.dir.clone();
    enter_folder(config).map_err(|error| format!("Can't chdir to '{folder}': {}", error.reason))
}

/// The first lines of the log.
fn greet(config: &Config, config_file: &Path) {
    let say = |role, level, text: &dyn Display| log::write(role, level, &text.to_string());
    let (pid, bits, redis) = (process::id(), usize::BITS, args::REDIS_VERSION);
    let hello = format!("{NAME} version={VERSION}, redis_version={redis}, bits={bits}, pid={pid}");
    say(Role::Starting, Level::Warning, &hello);
    if config_file.as_os_str().is_empty() {
        say(Role::Starting, Level::Warning, &"No config file given: using the defaults");
    } else {
        say(Role::Starting, Level::Warning, &"Configuration loaded");
    }
    for directive in inert_but_set(config) {
        let text = format!("'{}' is accepted but has no effect: {}", directive.name, directive.doc);
        say(Role::Starting, Level::Warning, &text);
    }
    let port = config.shown_port();
    let mode = format!("Running mode=standalone, port={port}.");
    say(Role::Master, Level::Notice, &mode);
    if config.always_show_logo {
        let logo = format!("{NAME} {VERSION} in standalone mode, Port: {port}, PID: {pid}");
        say(Role::Master, Level::Notice, &logo);
    }
}

/// The directives that somebody set and nobody acts on.
fn inert_but_set(config: &Config) -> impl Iterator<Item = &'static Directive> {
    let defaults = Config::default();
    Config::directives().filter(move |directive| {
        let name = directive.name.as_bytes();
        directive.effect == Effect::Inert && config.value(name) != defaults.value(name)
    })
}

/// Logs why the server cannot go on.
fn fail(text: &str) -> ExitCode {
    log::write(Role::Master, Level::Warning, text);
    ExitCode::FAILURE
}

/// A task that panicked may have left the node half way: the process ends with it, in every
/// profile.
fn end_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        process::abort();
    }));
}

/// The path of the configuration file, wherever the process goes later.
fn absolute(path: &[u8]) -> PathBuf {
    let path = PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()));
    std::path::absolute(&path).unwrap_or(path)
}

/// What the node's randomness is a function of.
fn os_seed() -> io::Result<Seed> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(Seed::new(bytes))
}

/// The file with the process id, gone when the process ends in order.
struct PidFile(PathBuf);

impl PidFile {
    /// Writes it, if one is configured. As in Redis a failure is no reason not to serve.
    fn write(path: &str) -> Option<Self> {
        if path.is_empty() {
            return None;
        }
        match fs::write(path, format!("{}\n", process::id())) {
            Ok(()) => Some(Self(PathBuf::from(path))),
            Err(error) => {
                let text = format!("Failed to write PID file: {error}");
                log::write(Role::Master, Level::Warning, &text);
                None
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        log::write(Role::Master, Level::Notice, "Removing the pid file.");
        let _ = fs::remove_file(&self.0);
    }
}
