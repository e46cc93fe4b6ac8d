//! Which ciphers a configuration allows: OpenSSL's words, as far as they mean something here.

use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion, crypto::ring, version};

/// The names that OpenSSL gives to the ciphers of TLS 1.2 that rustls has.
const NAMES_1_2: [(&str, CipherSuite); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
];

/// Those of TLS 1.3.
const NAMES_1_3: [(&str, CipherSuite); 3] = [
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
];

/// Words for everything there is.
const EVERYTHING: [&str; 4] = ["ALL", "COMPLEMENTOFDEFAULT", "DEFAULT", "HIGH"];

/// Words for what is weak. rustls has nothing of it, so to exclude it changes nothing.
const WEAK: [&str; 18] = [
    "3DES",
    "ADH",
    "AECDH",
    "COMPLEMENTOFALL",
    "DES",
    "DSS",
    "EXP",
    "EXPORT",
    "LOW",
    "MD5",
    "MEDIUM",
    "PSK",
    "RC4",
    "SEED",
    "SRP",
    "SSLv2",
    "aNULL",
    "eNULL",
];

/// The versions that `protocols` allows, or `None` if it names none that is spoken here, or
/// something that is no version.
// redis: tls.c, parseProtocolsConfig
pub(super) fn versions(protocols: &str) -> Option<Vec<&'static SupportedProtocolVersion>> {
    if protocols.is_empty() {
        return Some(vec![&version::TLS12, &version::TLS13]);
    }
    let mut found = Vec::new();
    for word in protocols.split(' ') {
        match word.to_ascii_lowercase().as_str() {
            // Broken since, and not in rustls.
            "tlsv1" | "tlsv1.1" => {}
            "tlsv1.2" => found.push(&version::TLS12),
            "tlsv1.3" => found.push(&version::TLS13),
            _ => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

/// What `tls-ciphers` allows of TLS 1.2, in the order of preference; `None` for nothing, or for an
/// exclusion that is not understood.
pub(super) fn chosen_1_2(list: &str) -> Option<Vec<SupportedCipherSuite>> {
    if list.is_empty() {
        return Some(NAMES_1_2.iter().filter_map(|(_, suite)| supported(*suite)).collect());
    }
    let (mut chosen, mut banned) = (Vec::new(), Vec::new());
    for word in list.split([':', ',', ' ', ';']).filter(|word| !word.is_empty()) {
        if let Some(name) = word.strip_prefix(['!', '-']) {
            match named(&NAMES_1_2, name) {
                Some(suite) => banned.push(suite),
                None if WEAK.contains(&name) => {}
                None => return None,
            }
        } else if EVERYTHING.contains(&word) {
            chosen.extend(NAMES_1_2.iter().map(|(_, suite)| *suite));
        } else {
            // What OpenSSL does not know it passes over as well.
            chosen.extend(named(&NAMES_1_2, word));
        }
    }
    chosen.retain(|suite| !banned.contains(suite));
    each_once(chosen)
}

/// What `tls-ciphersuites` allows of TLS 1.3, in the order of preference; `None` for nothing.
pub(super) fn chosen_1_3(list: &str) -> Option<Vec<SupportedCipherSuite>> {
    if list.is_empty() {
        return Some(NAMES_1_3.iter().filter_map(|(_, suite)| supported(*suite)).collect());
    }
    each_once(list.split(':').filter_map(|word| named(&NAMES_1_3, word)).collect())
}

fn named(names: &[(&str, CipherSuite)], wanted: &str) -> Option<CipherSuite> {
    names.iter().find(|(name, _)| *name == wanted).map(|(_, suite)| *suite)
}

fn each_once(mut suites: Vec<CipherSuite>) -> Option<Vec<SupportedCipherSuite>> {
    let mut seen = Vec::new();
    suites.retain(|suite| {
        let is_new = !seen.contains(suite);
        seen.push(*suite);
        is_new
    });
    let found: Vec<SupportedCipherSuite> = suites.into_iter().filter_map(supported).collect();
    (!found.is_empty()).then_some(found)
}

fn supported(wanted: CipherSuite) -> Option<SupportedCipherSuite> {
    ring::ALL_CIPHER_SUITES.iter().find(|suite| suite.suite() == wanted).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cipher_of_rustls_has_a_name() {
        let all = chosen_1_2("").map(|suites| suites.len()).unwrap_or_default()
            + chosen_1_3("").map(|suites| suites.len()).unwrap_or_default();
        assert_eq!(all, ring::ALL_CIPHER_SUITES.len());
    }

    #[test]
    fn lists_are_read_as_openssl_reads_them() {
        let check = |list: &str, expect: Option<&[&str]>| {
            let names = |suites: Vec<SupportedCipherSuite>| -> Vec<&str> {
                let name = |suite: SupportedCipherSuite| {
                    NAMES_1_2
                        .iter()
                        .find(|(_, known)| *known == suite.suite())
                        .map(|(name, _)| *name)
                };
                suites.into_iter().filter_map(name).collect()
            };
            assert_eq!(chosen_1_2(list).map(names).as_deref(), expect, "{list}");
        };
        let all: Vec<&str> = NAMES_1_2.iter().map(|(name, _)| *name).collect();
        check("", Some(&all));
        check("DEFAULT:!MEDIUM", Some(&all));
        check("HIGH:!aNULL:!MD5", Some(&all));
        let (gcm, chacha) = ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305");
        check(&format!("{chacha}:{gcm},{chacha}"), Some(&[chacha, gcm]));
        check(&format!("{gcm}:AES256-SHA:nonsense"), Some(&[gcm]));
        check(&format!("ALL:!{gcm}"), Some(&all[..5]));
        check("AES256-SHA", None);
        // It would allow what was to be excluded.
        check("ALL:!AES", None);
    }

    #[test]
    fn suites_of_another_library_are_passed_over() {
        let count = |list: &str| chosen_1_3(list).map(|suites| suites.len());
        assert_eq!(count("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256"), Some(1));
        assert_eq!(count("TLS_AES_128_CCM_SHA256"), None);
    }

    #[test]
    fn a_version_that_is_not_spoken_here_may_stand_beside_one_that_is() {
        let count = |protocols: &str| versions(protocols).map(|found| found.len());
        assert_eq!(count(""), Some(2));
        assert_eq!(count("TLSv1 tlsv1.1 TLSv1.2"), Some(1));
        assert_eq!(count("TLSv1.2 TLSv1.3"), Some(2));
        for bad in ["TLSv1", "SSLv3", "TLSv1.2  TLSv1.3", " "] {
            assert_eq!(count(bad), None, "{bad:?}");
        }
    }
}
