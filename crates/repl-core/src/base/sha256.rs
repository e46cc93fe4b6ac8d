//! SHA-256, by which passwords are kept: users and configuration files name its digests.

use sha2::{Digest as _, Sha256};

/// The digest of a text.
pub type Digest = [u8; 32];

/// The digest of `text`.
#[must_use]
pub fn sha256(text: &[u8]) -> Digest {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec};

    use super::*;

    fn check(text: &[u8], expect: &str) {
        let digits: String = sha256(text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digits, expect);
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        check(b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check(b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check(
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        );
        let million = vec![b'a'; 1_000_000];
        check(&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}
