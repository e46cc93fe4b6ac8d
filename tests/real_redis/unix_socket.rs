//! Clients on a Unix socket, beside those of the network.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::Path,
};

use libtest_mimic::Trial;

use crate::{
    fixture::server::{
        Kind::{self, Ours, Redis},
        Server, Stop,
    },
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    let title = "a client of a Unix socket is shown as by redis";
    vec![trial(title.to_owned(), vec![Ours, Redis], is_shown_as_by_redis)]
}

/// The first lines of the replies to these inline commands.
fn ask(socket: &Path, commands: &[&str]) -> Vec<String> {
    let mut stream = UnixStream::connect(socket).expect("the server listens there");
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let mut line = || lines.next().expect("an answer").expect("text");
    let mut answers = Vec::new();
    for command in commands {
        writeln!(stream, "{command}").expect("the server reads");
        let first = line();
        answers.push(if first.starts_with('$') { line() } else { first });
    }
    answers
}

fn is_shown_as_by_redis() {
    let seen = [Ours, Redis].map(|kind: Kind| {
        let directives = [("unixsocket", "socket"), ("unixsocketperm", "0640")];
        let mut server = Server::start(kind, &directives);
        let socket = server.folder().join("socket");
        let mode = fs::metadata(&socket).expect("the file of the socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let answers = ask(&socket, &["PING", "CLIENT INFO", "CONFIG GET unixsocketperm", "GET"]);
        let fields = answers[1].split(' ');
        let shown = fields.filter(|field| {
            let name = field.split('=').next().unwrap_or_default();
            ["addr", "laddr", "flags", "user"].contains(&name)
        });
        let shown: Vec<String> = shown.map(str::to_owned).collect();
        server.stop(Stop::Terminate);
        assert!(!socket.exists(), "the file of the socket outlives the server");
        (answers[0].clone(), shown, answers[2..].to_vec())
    });
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].1, ["addr=socket:0", "laddr=socket:0", "flags=U", "user=default"]);
}
