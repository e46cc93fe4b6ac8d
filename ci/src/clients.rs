//! Unmodified clients from their registries: each runs its script of `tests/clients` against our
//! server, and against redis-server, which proves the script right.
//!
//! redis-rs needs no step: it runs in `cargo test`.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    peers::{self, Program},
    shell::{self, Failure, Outcome},
};

/// What runs the scripts, where it is missing.
const PROGRAMS: [Program; 3] = [("python3", "python3"), ("node", "nodejs"), ("npm", "npm")];

/// The versions that are tested. Later ones of the npm packages need a later Node.js than Debian's.
const REDIS_PY: &str = "8.1.0";
const IOREDIS: &str = "5.9.3";
const NODE_REDIS: &str = "5.9.0";

/// How long a server may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(120);

/// Installs the clients below `target/clients` and runs their scripts.
///
/// # Errors
/// A check of a script failed; with `CI=true` also when a client cannot be had.
pub fn run(root: &Path) -> Outcome {
    let folder = root.join("target/clients");
    if let Err(failure) = peers::run().and_then(|()| install(&folder)) {
        if shell::in_ci() {
            return Err(failure);
        }
        eprintln!("ci: clients skipped: {failure}");
        return Ok(());
    }
    shell::run(shell::cargo(root, &["build", "--quiet", "-p", "repl-server"]))?;
    for (name, program) in [
        ("our server", shell::cargo(root, &["run", "--quiet", "-p", "repl-server", "--"])),
        ("redis-server", Command::new("redis-server")),
    ] {
        let server = Server::start(program, &folder)?;
        for mut script in scripts(root, &folder, server.port) {
            eprintln!("ci: {name}:");
            script.stdin(Stdio::null());
            shell::run(script)?;
        }
    }
    Ok(())
}

/// The commands that run each client's script.
fn scripts(root: &Path, folder: &Path, port: u16) -> Vec<Command> {
    let port = port.to_string();
    let script = |program: &str, name: &str| {
        let mut command = Command::new(program);
        command.current_dir(root).arg(format!("tests/clients/{name}")).arg(&port);
        command
    };
    let mut python = script("python3", "redis_py.py");
    python.env("PYTHONPATH", folder.join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut node = ["ioredis.js", "node_redis.js"].map(|name| script("node", name));
    for command in &mut node {
        command.arg(folder.join("npm"));
    }
    [python].into_iter().chain(node).collect()
}

/// Installs what is not there yet in the wanted version.
fn install(folder: &Path) -> Outcome {
    peers::install(&PROGRAMS)?;
    fs::create_dir_all(folder).map_err(|error| Failure::io("target/clients", &error))?;
    let python = folder.join("python");
    if !python.join(format!("redis-{REDIS_PY}.dist-info")).is_dir() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
        pip.arg("--target").arg(&python).arg(format!("redis=={REDIS_PY}"));
        shell::run(pip)?;
    }
    let packages = [("ioredis", IOREDIS), ("redis", NODE_REDIS)];
    let modules = folder.join("npm");
    let has = |(name, version): &(&str, &str)| {
        let path = modules.join("node_modules").join(name).join("package.json");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.contains(&format!("\"version\": \"{version}\""))
    };
    if !packages.iter().all(has) {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&modules);
        npm.args(packages.map(|(name, version)| format!("{name}@{version}")));
        shell::run(npm)?;
    }
    Ok(())
}

/// A server on a free port, which ends with this value.
struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Server {
    fn start(mut program: Command, folder: &Path) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0));
        let port = listener.and_then(|listener| listener.local_addr());
        let port = port.map_err(|error| Failure::io("no free port", &error))?.port();
        let folder = folder.join(format!("server-{port}"));
        let log = fs::create_dir_all(&folder).and_then(|()| fs::File::create(folder.join("log")));
        let log = log.map_err(|error| Failure::io("the log of a server", &error))?;
        program.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
        program.arg("--dir").arg(&folder).stdin(Stdio::null()).stdout(log);
        let child =
            program.spawn().map_err(|error| Failure::io(&shell::shown(&program), &error))?;
        let mut server = Self { child, port, folder };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || begin.elapsed() > LISTENS_WITHIN {
                let name = shell::shown(&program);
                return Err(Failure::new(format!("`{name}` does not listen on port {port}")));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
