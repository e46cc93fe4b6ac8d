//! The programs that tests need beside our own, from Debian's packages: above all the real Redis.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use crate::shell::{self, Failure, Outcome};

/// A program, and the package it comes from.
pub type Program = (&'static str, &'static str);

/// What the tests start.
const PEERS: [Program; 3] = [
    ("redis-server", "redis-server"),
    ("redis-cli", "redis-tools"),
    ("redis-sentinel", "redis-sentinel"),
];

/// Asked by Debian's packages before they start a service; 101 means "not allowed".
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs the real Redis where it is missing.
///
/// # Errors
/// As [`install`].
pub fn run() -> Outcome {
    install(&PEERS)
}

/// Installs what is missing, if we are root on a machine with apt; tests start their own processes
/// on free ports, so the packages' services are kept from starting.
///
/// # Errors
/// Something is missing and cannot be installed.
pub fn install(programs: &[Program]) -> Outcome {
    let packages = absent(programs);
    if packages.is_empty() {
        return Ok(());
    }
    let wanted = packages.join(" ");
    if !shell::is_installed("apt-get") || !is_root() {
        return Err(Failure::new(format!("missing and not installable from here: {wanted}")));
    }
    let policy = forbid_services()?;
    let installed = apt(&["update", "-qq"]).and_then(|()| {
        let install = ["install", "-y", "-qq", "--no-install-recommends"];
        apt(&[&install[..], &packages].concat())
    });
    if policy == Policy::Ours {
        fs::remove_file(POLICY).map_err(|error| Failure::io(POLICY, &error))?;
    }
    installed?;
    match absent(programs)[..] {
        [] => Ok(()),
        [first, ..] => Err(Failure::new(format!("apt-get installed {first}, and it is not there"))),
    }
}

/// The packages of the programs that are not on `PATH`.
fn absent(programs: &[Program]) -> Vec<&'static str> {
    let absent = programs.iter().filter(|(program, _)| !shell::is_installed(program));
    absent.map(|(_, package)| *package).collect()
}

/// Who wrote the file that forbids services to start.
#[derive(PartialEq, Eq)]
enum Policy {
    /// This run: it is taken away afterwards.
    Ours,
    /// The machine's owner: it stays, whatever it says.
    Theirs,
}

fn forbid_services() -> Result<Policy, Failure> {
    match fs::File::create_new(POLICY) {
        Ok(mut file) => {
            let written = io::Write::write_all(&mut file, b"#!/bin/sh\nexit 101\n");
            let allowed = fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755));
            written.and(allowed).map_err(|error| Failure::io(POLICY, &error))?;
            Ok(Policy::Ours)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Policy::Theirs),
        Err(error) => Err(Failure::io(POLICY, &error)),
    }
}

fn apt(arguments: &[&str]) -> Outcome {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    shell::run(command)
}

/// Whether this process runs as root: who owns its entry in `/proc` tells it without a system call
/// of ours.
fn is_root() -> bool {
    fs::metadata(Path::new("/proc/self")).is_ok_and(|entry| entry.uid() == 0)
}
