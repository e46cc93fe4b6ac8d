//! What TLS is made of, as the directives say it.
//!
//! The names of files are text here: the process around the node opens them.

use alloc::string::String;
use core::time::Duration;

use super::choice::AuthClients;

/// The values of the directives whose names begin with `tls-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `tls-port`: where clients connect with TLS; zero for nowhere.
    pub port: u16,
    /// `tls-cert-file`: the certificates that this server shows, its own first.
    pub cert_file: String,
    /// `tls-key-file`: the key of the first of them.
    pub key_file: String,
    /// `tls-key-file-pass`: empty for none.
    pub key_file_pass: String,
    /// `tls-client-cert-file`: what a replica shows to its master; empty for `tls-cert-file`.
    pub client_cert_file: String,
    /// `tls-client-key-file`: the key of that.
    pub client_key_file: String,
    /// `tls-client-key-file-pass`: empty for none.
    pub client_key_file_pass: String,
    /// `tls-ca-cert-file`: whom to trust; empty for nobody.
    pub ca_cert_file: String,
    /// `tls-ca-cert-dir`: whom to trust as well; empty for nobody.
    pub ca_cert_dir: String,
    /// `tls-auth-clients`.
    pub auth_clients: AuthClients,
    /// `tls-replication`: the link to the master is made with TLS.
    pub replication: bool,
    /// `tls-protocols`: their names with spaces between them; empty for all.
    pub protocols: String,
    /// `tls-ciphers` of TLS 1.2; empty for all.
    pub ciphers: String,
    /// `tls-ciphersuites` of TLS 1.3; empty for all.
    pub ciphersuites: String,
    /// `tls-prefer-server-ciphers`.
    pub prefer_server_ciphers: bool,
    /// `tls-session-caching`.
    pub session_caching: bool,
    /// `tls-session-cache-size`: sessions that may be resumed; zero for no limit.
    pub session_cache_size: u32,
    /// `tls-session-cache-timeout`: for how long.
    pub session_cache_timeout: Duration,
}

impl Tls {
    /// Whether anything is done with TLS.
    // redis: server.c, initServer
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.port != 0 || self.replication
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            port: 0,
            cert_file: String::new(),
            key_file: String::new(),
            key_file_pass: String::new(),
            client_cert_file: String::new(),
            client_key_file: String::new(),
            client_key_file_pass: String::new(),
            ca_cert_file: String::new(),
            ca_cert_dir: String::new(),
            auth_clients: AuthClients::Yes,
            replication: false,
            protocols: String::new(),
            ciphers: String::new(),
            ciphersuites: String::new(),
            prefer_server_ciphers: false,
            session_caching: true,
            session_cache_size: 20 * 1024,
            session_cache_timeout: Duration::from_secs(300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tls;
    use crate::base::config::Config;

    #[test]
    fn a_replica_announces_the_port_that_its_master_could_use_itself() {
        let check = |directives: [u16; 3], replication: bool, announced: u16| {
            let [port, tls_port, replica_announce_port] = directives;
            let tls = Tls { port: tls_port, replication, ..Tls::default() };
            let config = Config { port, replica_announce_port, tls, ..Config::default() };
            assert_eq!(config.announced_port(), announced, "{directives:?} {replication}");
        };
        check([6379, 0, 0], false, 6379);
        check([6379, 6390, 0], false, 6379);
        check([6379, 6390, 0], true, 6390);
        check([6379, 0, 0], true, 6379);
        check([0, 6390, 0], false, 0);
        check([6379, 6390, 7000], true, 7000);
    }

    #[test]
    fn the_port_that_stands_for_a_server_is_the_plain_one_if_there_is_one() {
        let shown = |port, tls_port| {
            let tls = Tls { port: tls_port, ..Tls::default() };
            Config { port, tls, ..Config::default() }.shown_port()
        };
        assert_eq!((shown(6379, 6390), shown(0, 6390), shown(0, 0)), (6379, 6390, 0));
    }
}
