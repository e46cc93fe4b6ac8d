//! The real Redis processes that tests talk to, from Debian's packages.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use crate::shell::{self, Failure, Outcome};

/// Each program the tests start, and the package it comes from.
const PEERS: [(&str, &str); 3] = [
    ("redis-server", "redis-server"),
    ("redis-cli", "redis-tools"),
    ("redis-sentinel", "redis-sentinel"),
];

/// Asked by Debian's packages before they start a service; 101 means "not allowed".
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing, if we are root on a machine with apt; tests start their own processes
/// on free ports, so the packages' services are kept from starting.
///
/// # Errors
/// Something is missing and cannot be installed.
pub fn run() -> Outcome {
    let packages = absent();
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
    match absent()[..] {
        [] => Ok(()),
        [first, ..] => Err(Failure::new(format!("apt-get installed {first}, and it is not there"))),
    }
}

/// The packages of the programs that are not on `PATH`.
fn absent() -> Vec<&'static str> {
    let absent = PEERS.iter().filter(|(program, _)| !shell::is_installed(program));
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
