//! TLS, with certificates made on the spot: Redis' own clients, links in every arrangement with
//! redis-server, and strangers at the port. redis-server passes the same tests.

mod authority;
mod client;
mod clients;
mod links;
mod reload;
mod strangers;

use std::fs;

use libtest_mimic::Trial;
use repl_testbed::processes::free_port;

use self::authority::{Authority, Identity};
use crate::{
    fixture::server::{
        Kind::{self, Ours, Redis},
        Server,
    },
    trial,
};

/// A test of one kind of server.
type Case = fn(Kind);

const CASES: [(&str, Case); 16] = [
    ("redis-cli is served beside a plain client", clients::beside_plain_ones),
    ("certificates of clients are wanted as configured", clients::are_authenticated),
    ("a client refuses a server that it does not trust", clients::refuse_a_server),
    ("no other port is needed", clients::need_no_other_port),
    ("a pipeline of a hundred thousand writes", clients::large_pipelines),
    ("the last byte reaches a client that reads late", clients::late_readers),
    ("versions and ciphers are chosen", clients::protocols_and_ciphers),
    ("a session is resumed", clients::resumption),
    ("certificates are exchanged under open connections", reload::under_open_connections),
    ("bad files are refused, and the old ones stay", reload::bad_files),
    ("whom to ask for certificates changes", reload::of_whom_to_ask),
    ("two clients set different things at once", reload::by_two_at_once),
    ("a replica that runs learns to dial with TLS", reload::of_replication),
    ("rubbish is refused and hurts nobody", strangers::rubbish),
    ("a client that shakes no hands is an idle one", strangers::silence),
    ("a client too many is dropped", strangers::too_many),
];

const PAIRS: [(&str, [Kind; 2]); 3] = [
    ("redis as our replica", [Ours, Redis]),
    ("redis as our master", [Redis, Ours]),
    ("ours with ours", [Ours, Ours]),
];

/// Every test of this folder.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in [Ours, Redis] {
        for (case, body) in CASES {
            let name = format!("TLS, {}: {case}", kind.name());
            trials.push(trial(name, vec![kind, Redis], move || body(kind)));
        }
        let name =
            format!("TLS, {}: a master that nobody vouches for is not followed", kind.name());
        trials.push(trial(name, vec![kind, Redis], move || links::distrust(kind)));
    }
    for (pair, kinds) in PAIRS {
        let name = format!("TLS, {pair}: a link is synchronised, cut and resumed");
        trials.push(trial(name, kinds.to_vec(), move || links::are_resumed(kinds)));
    }
    trials
}

/// A server that listens for plain clients and, on a port of its own, for those with TLS.
struct Secured {
    server: Server,
    port: u16,
}

impl Secured {
    /// Starts one that shows `own` and trusts `authority`.
    #[track_caller]
    fn start(
        kind: Kind,
        authority: &Authority,
        own: &Identity,
        directives: &[(&str, &str)],
    ) -> Self {
        let (port, trusted) = (free_port(), authority.file());
        let port_text = port.to_string();
        let mut all = vec![
            ("tls-port", port_text.as_str()),
            ("tls-cert-file", &own.cert),
            ("tls-key-file", &own.key),
            ("tls-ca-cert-file", &trusted),
        ];
        all.extend_from_slice(directives);
        Self { server: Server::start(kind, &all), port }
    }

    /// What it has written so far.
    fn log(&self) -> String {
        fs::read_to_string(self.server.folder().join("log")).expect("it has a log")
    }
}
