//! Whether a master is who it says: its certificate is vouched for by somebody who is trusted. Its
//! name is not looked at, as in Redis: a replica is told addresses.

use std::sync::Arc;

use rustls::{
    DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// Trusts whoever one of these vouches for.
#[derive(Debug)]
pub(super) struct AnyName {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = ParsedCertificate::try_from(end_entity)?;
        let (roots, algorithms) = (&self.roots, self.algorithms.all);
        verify_server_cert_signed_by_trust_anchor(&shown, roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rustls::{
        CertificateError,
        crypto::ring,
        pki_types::{ServerName, pem::PemObject as _},
    };

    use super::*;

    /// What is said to somebody who shows `shown`, while `root` is trusted.
    fn verdict(root: &CertificateDer<'_>, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).expect("it can vouch");
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let trust = AnyName { roots: Arc::new(roots), algorithms };
        let name = ServerName::try_from("elsewhere.test").expect("it is a name");
        trust.verify_server_cert(shown, &[], &name, &[], UnixTime::now()).map(drop)
    }

    /// Made by `openssl x509 -req`, which adds nothing and so makes the first version of the form.
    const OLD: &[u8] = b"\
-----BEGIN CERTIFICATE-----
MIIBBTCBqwIBATAKBggqhkjOPQQDAjANMQswCQYDVQQDDAJjYTAgFw0yNjExMzAx
OTE3MTVaGA8yMTI2MTEwNjE5MTcxNVowDjEMMAoGA1UEAwwDb2xkMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAELqDHiXpQ6YmH0EiQO4UtrrAGWzbjGtTTb7Rh8+Tq
0Y8EwgHYaDifiibUG8xrfvaqnXlBM8htLJKu0NJiUkggejAKBggqhkjOPQQDAgNJ
ADBGAiEA5DY5Ude024kCLuI5KA3fLNYzLHzk63G6/6+5Zehk468CIQDJ+EbfAl/T
FXzh5ks/o41tImhBmL0vazOpc9exu9Nr6Q==
-----END CERTIFICATE-----
";

    /// Whose key has signed it.
    const ROOT: &[u8] = b"\
-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIUHYQrf88vb+5zFoqiHgYn8y7khOEwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwIBcNMjYxMTMwMTkxNzE1WhgPMjEyNjExMDYxOTE3MTVa
MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE243HGaD2
2jHDl2P+LAbmQfJkNi563V0UGX1MT+9HucNmkM125TsgUFqCYn1PTfWl7Lp8n5Ak
DqADLCKjUVjrwqNTMFEwHQYDVR0OBBYEFOP+e3q03q4ha0IdieUWnvACMMtGMB8G
A1UdIwQYMBaAFOP+e3q03q4ha0IdieUWnvACMMtGMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSAAwRQIhAOV1dMk5fql/TGH0anz3FrMB+896jIA93GuiULzq
0x7rAiBXYfU6SbPqrdQi1nGnsDPoLaINJwYtdHP1Id43ZDHMgg==
-----END CERTIFICATE-----
";

    #[test]
    fn a_certificate_of_the_first_version_is_refused() {
        let [old, root] =
            [OLD, ROOT].map(|pem| CertificateDer::from_pem_slice(pem).expect("it is whole"));
        let error = verdict(&root, &old).expect_err("it says too little");
        let Error::InvalidCertificate(CertificateError::Other(reason)) = &error else {
            panic!("{error:?}");
        };
        assert!(reason.to_string().contains("UnsupportedCertVersion"), "{reason}");
    }

    #[test]
    fn who_vouches_for_others_is_nobody_itself() {
        let key = KeyPair::generate().expect("there is randomness");
        let mut params = CertificateParams::default();
        let plain = params.self_signed(&key).expect("it can sign");
        assert_eq!(verdict(plain.der(), plain.der()), Ok(()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("it can sign");
        let error = verdict(root.der(), root.der()).expect_err("it is to vouch, not to serve");
        assert!(error.to_string().contains("CaUsedAsEndEntity"), "{error}");
    }
}
