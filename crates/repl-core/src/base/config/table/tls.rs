//! The rows of TLS. The process around the node reads the files and speaks it; of the node's
//! business are only the port that it announces and how it dials.

use alloc::string::String;
use core::time::Duration;

use super::{INT_MAX, row};
use crate::base::config::{
    choice::AuthClients,
    directive::{
        Directive,
        Effect::{Host, Server},
        Field, Kind,
    },
};

pub(super) static ROWS: &[Directive] = &[
    row("tls-port", Server, number!(tls.port, 0, 65535), "TCP port for clients with TLS; 0: none.")
        .at_boot(),
    row(
        "tls-cert-file",
        Host,
        text!(tls.cert_file),
        "File with the certificates that this server shows, its own first.",
    ),
    row("tls-key-file", Host, text!(tls.key_file), "File with the key of that certificate."),
    row(
        "tls-key-file-pass",
        Host,
        text!(tls.key_file_pass),
        "Password of that file: none is possible here.",
    ),
    row(
        "tls-client-cert-file",
        Host,
        text!(tls.client_cert_file),
        "Certificates to show to the master; empty: those of clients.",
    ),
    row("tls-client-key-file", Host, text!(tls.client_key_file), "File with the key of those."),
    row(
        "tls-client-key-file-pass",
        Host,
        text!(tls.client_key_file_pass),
        "Password of that file: none is possible here.",
    ),
    row(
        "tls-ca-cert-file",
        Host,
        text!(tls.ca_cert_file),
        "File with the certificates that vouch for others.",
    ),
    row(
        "tls-ca-cert-dir",
        Host,
        text!(tls.ca_cert_dir),
        "Folder with more of them, each in a file that is named by its hash.",
    ),
    row(
        "tls-auth-clients",
        Host,
        choice!(tls.auth_clients, AuthClients),
        "Whether clients show a certificate.",
    ),
    row(
        "tls-replication",
        Host,
        yes_no!(tls.replication),
        "Make the link to the master with TLS, and name it tls-port.",
    ),
    row(
        "tls-protocols",
        Host,
        text!(tls.protocols),
        "Versions to speak: TLSv1.2, TLSv1.3; empty: both.",
    ),
    row(
        "tls-ciphers",
        Host,
        text!(tls.ciphers),
        "Ciphers of TLS 1.2 by their names in OpenSSL; empty: all there are.",
    ),
    row(
        "tls-ciphersuites",
        Host,
        text!(tls.ciphersuites),
        "Cipher suites of TLS 1.3; empty: all there are.",
    ),
    row(
        "tls-prefer-server-ciphers",
        Host,
        yes_no!(tls.prefer_server_ciphers),
        "Choose by the server's order of ciphers, not by the client's.",
    ),
    row("tls-session-caching", Host, yes_no!(tls.session_caching), "Let clients resume sessions."),
    row(
        "tls-session-cache-size",
        Host,
        number!(tls.session_cache_size, 0, INT_MAX),
        "Most sessions that can be resumed; 0: as many as by default.",
    ),
    row(
        "tls-session-cache-timeout",
        Host,
        seconds!(tls.session_cache_timeout, 0, INT_MAX),
        "Seconds for which a session can be resumed.",
    ),
];
