//! From directives and files to what rustls is set up with.
//!
//! Owns what is read, in which order, and the words for what will not do. No error names a secret.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use repl_core::base::config::{AuthClients, Tls};
use rustls::{
    ClientConfig, InconsistentKeys, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{Settings, ciphers, sessions::Sessions, trust::AnyName};
use crate::log::os_text;

/// Why TLS cannot be set up, as the log says it.
#[derive(Debug)]
pub enum TlsError {
    /// `tls-cert-file` or `tls-key-file` is empty.
    Missing(&'static str),
    /// Nobody is trusted, but somebody is to be asked for a certificate.
    NobodyTrusted,
    /// `tls-protocols`.
    Protocols(String),
    /// `tls-ciphers` or `tls-ciphersuites`, and its value.
    Ciphers(&'static str, String),
    /// A file of certificates, and why not.
    Certificate(String, String),
    /// A file with a key, and why not.
    Key(String, String),
    /// Whom to trust: a file or folder, and why not.
    Trust(String, String),
    /// What rustls says of everything together.
    Together(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(directive) => write!(f, "No {directive} configured!"),
            Self::NobodyTrusted => f.write_str(
                "tls-ca-cert-file or tls-ca-cert-dir is needed unless tls-auth-clients and \
                 tls-replication are 'no'",
            ),
            Self::Protocols(value) => write!(
                f,
                "Invalid tls-protocols '{value}': name 'TLSv1.2', 'TLSv1.3' or both; older \
                 versions are not spoken here"
            ),
            Self::Ciphers(directive, value) => write!(
                f,
                "Failed to configure {directive} '{value}': it leaves no cipher that is known \
                 here, or excludes what is not"
            ),
            Self::Certificate(file, why) => write!(f, "Failed to load certificate: {file}: {why}"),
            Self::Key(file, why) => write!(f, "Failed to load private key: {file}: {why}"),
            Self::Trust(file, why) => {
                write!(f, "Failed to configure CA certificate(s) file/directory: {file}: {why}")
            }
            Self::Together(error) => write!(f, "Failed to configure TLS: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// Reads everything that `wanted` names.
pub(super) fn read(wanted: &Tls) -> Result<Settings, TlsError> {
    for (directive, file) in
        [("tls-cert-file", &wanted.cert_file), ("tls-key-file", &wanted.key_file)]
    {
        if file.is_empty() {
            return Err(TlsError::Missing(directive));
        }
    }
    let trusts_nobody = wanted.ca_cert_file.is_empty() && wanted.ca_cert_dir.is_empty();
    if trusts_nobody && (wanted.auth_clients != AuthClients::No || wanted.replication) {
        return Err(TlsError::NobodyTrusted);
    }
    let own = identity(&wanted.cert_file, &wanted.key_file)?;
    let as_client = if wanted.client_cert_file.is_empty() || wanted.client_key_file.is_empty() {
        Arc::clone(&own)
    } else {
        identity(&wanted.client_cert_file, &wanted.client_key_file)?
    };
    let roots = if trusts_nobody { None } else { Some(Arc::new(trusted(wanted)?)) };
    let provider = Arc::new(provider(wanted)?);
    let server = server(wanted, &provider, roots.as_ref(), own)?;
    let client = roots.map(|roots| client(wanted, &provider, roots, as_client)).transpose()?;
    Ok(Settings { server: Arc::new(server), client: client.map(Arc::new) })
}

fn provider(wanted: &Tls) -> Result<CryptoProvider, TlsError> {
    let refused = |directive, value: &String| TlsError::Ciphers(directive, value.clone());
    let mut suites = ciphers::chosen_1_3(&wanted.ciphersuites)
        .ok_or_else(|| refused("tls-ciphersuites", &wanted.ciphersuites))?;
    let older = ciphers::chosen_1_2(&wanted.ciphers);
    suites.extend(older.ok_or_else(|| refused("tls-ciphers", &wanted.ciphers))?);
    Ok(CryptoProvider { cipher_suites: suites, ..ring::default_provider() })
}

fn versions(wanted: &Tls) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, TlsError> {
    let found = ciphers::versions(&wanted.protocols);
    found.ok_or_else(|| TlsError::Protocols(wanted.protocols.clone()))
}

fn server(
    wanted: &Tls,
    provider: &Arc<CryptoProvider>,
    roots: Option<&Arc<RootCertStore>>,
    own: Arc<CertifiedKey>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&versions(wanted)?)
        .map_err(TlsError::Together)?
        .with_client_cert_verifier(client_verifier(wanted, provider, roots)?)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.ignore_client_order = wanted.prefer_server_ciphers;
    // Each is kept until somebody comes back with it, and one is enough for that.
    config.send_tls13_tickets = 1;
    if wanted.session_caching {
        let count_max = usize::try_from(wanted.session_cache_size).unwrap_or(usize::MAX);
        config.session_storage = Arc::new(Sessions::new(count_max, wanted.session_cache_timeout));
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn client_verifier(
    wanted: &Tls,
    provider: &Arc<CryptoProvider>,
    roots: Option<&Arc<RootCertStore>>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let (AuthClients::Yes | AuthClients::Optional, Some(roots)) = (wanted.auth_clients, roots)
    else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    // Who is trusted is not told to strangers, as Redis does not.
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
            .clear_root_hint_subjects();
    let builder = match wanted.auth_clients {
        AuthClients::Optional => builder.allow_unauthenticated(),
        AuthClients::Yes | AuthClients::No => builder,
    };
    builder.build().map_err(|error| TlsError::Trust(wanted.ca_cert_file.clone(), error.to_string()))
}

fn client(
    wanted: &Tls,
    provider: &Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    own: Arc<CertifiedKey>,
) -> Result<ClientConfig, TlsError> {
    let algorithms = provider.signature_verification_algorithms;
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&versions(wanted)?)
        .map_err(TlsError::Together)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyName { roots, algorithms }))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.enable_sni = false;
    // Links are made rarely, and each looks at the master's certificate anew.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The certificates of a file and the key of the first of them.
fn identity(cert_file: &str, key_file: &str) -> Result<Arc<CertifiedKey>, TlsError> {
    let refused =
        |why: &dyn fmt::Display| TlsError::Certificate(cert_file.to_owned(), why.to_string());
    let chain = certificates(cert_file.as_ref()).map_err(|why| refused(&why))?;
    let key = key(key_file)?;
    let key = ring::default_provider().key_provider.load_private_key(key);
    let key = key.map_err(|error| TlsError::Key(key_file.to_owned(), error.to_string()))?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let why = "it is not the key of the certificate".to_owned();
            Err(TlsError::Key(key_file.to_owned(), why))
        }
        // Certificates of an old form cannot be looked into, but can be shown.
        Ok(()) | Err(_) => Ok(Arc::new(identity)),
    }
}

fn key(file: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let refused = |why: String| TlsError::Key(file.to_owned(), why);
    let text = fs::read(file).map_err(|error| refused(os_text(&error)))?;
    if text.windows(b"ENCRYPTED".len()).any(|word| word == b"ENCRYPTED") {
        return Err(refused("it is encrypted, which this server cannot read".into()));
    }
    // What is wrong with it is not told in detail: that could be a part of it.
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| refused("there is no key in it".into()))
}

/// Whom to trust.
fn trusted(wanted: &Tls) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let mut add = |file: &Path| {
        let refused = |why: String| TlsError::Trust(file.display().to_string(), why);
        for certificate in certificates(file).map_err(refused)? {
            roots.add(certificate).map_err(|error| refused(error.to_string()))?;
        }
        Ok(())
    };
    if !wanted.ca_cert_file.is_empty() {
        add(wanted.ca_cert_file.as_ref())?;
    }
    if !wanted.ca_cert_dir.is_empty() {
        let refused =
            |error: io::Error| TlsError::Trust(wanted.ca_cert_dir.clone(), os_text(&error));
        for file in hashed_files(&wanted.ca_cert_dir).map_err(refused)? {
            add(&file)?;
        }
    }
    if roots.is_empty() {
        let why = "there is no file with the name of a hash in it, as 'openssl rehash' makes them";
        return Err(TlsError::Trust(wanted.ca_cert_dir.clone(), why.into()));
    }
    Ok(roots)
}

/// The files of a folder that OpenSSL would find there: those named by a hash, `9d66eef0.0`. Others
/// may lie there and are trusted by nobody.
fn hashed_files(folder: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((hash, number)) = name.to_str().and_then(|name| name.split_once('.')) else {
            continue;
        };
        let is_hash = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push(entry.path());
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The certificates in a file: at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = fs::read(file).map_err(|error| os_text(&error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => Err("there is no certificate in it".into()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(error.to_string()),
    }
}
