//! Certificates for one test: somebody who vouches, and those he vouches for.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

/// The name in every certificate. Nobody listens under it.
pub(super) const NAME: &str = "server.test";

/// Somebody who vouches for others, with files in a folder that lasts as long.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) cert: String,
    pub(super) key: String,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![NAME.to_owned()]).expect("a name of a host");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    pub(super) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("authority-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let mut params = named(&format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("there is randomness");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("it can sign for itself");
        let authority = Self { issuer, folder };
        authority.write("ca.crt", &authority.issuer.pem());
        authority
    }

    /// Vouches for a new key under this name, which is also that of the files.
    pub(super) fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().expect("there is randomness");
        let cert = named(name).signed_by(&key, &self.issuer).expect("it can sign for others");
        Identity {
            cert: self.write(&format!("{name}.crt"), &cert.pem()),
            key: self.write(&format!("{name}.key"), &key.serialize_pem()),
        }
    }

    /// The file that says whom to trust.
    pub(super) fn file(&self) -> String {
        text(&self.folder.join("ca.crt"))
    }

    /// What it is.
    pub(super) fn certificate(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// A file beside its own.
    pub(super) fn write(&self, name: &str, content: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, content).expect("the temporary folder can be written");
        text(&path)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("names of temporary folders are text").to_owned()
}
