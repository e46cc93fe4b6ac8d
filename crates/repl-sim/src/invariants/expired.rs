//! **No expired key is readable**: when a node's own wall clock is past a key's deadline, that node
//! shows its clients nothing of the key, master or replica, whoever still holds it.
//!
//! A client that can look into the node asks for a key whose time has passed, and compares before
//! and after: the reply is judged if nobody can have given the key another life in between.
//!
//! Premise: replies judged.

use super::Broken;
use crate::lab::Reply;

pub(super) const NAME: &str = "expired-unreadable";

#[derive(Debug, Default)]
pub(super) struct Expired {
    pub(super) premise_count: u64,
}

impl Expired {
    /// The reply to a request about an expired key.
    pub(super) fn check(&mut self, key: &[u8], reply: &Reply) -> Result<(), Broken> {
        self.premise_count += 1;
        if shows_nothing(key, reply) {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("nothing of {}, its time has passed", key.escape_ascii()),
            actual: format!("{reply:?}"),
        })
    }
}

/// Whether a reply is one that a key has that does not exist, or does not name it among others.
fn shows_nothing(key: &[u8], reply: &Reply) -> bool {
    match reply {
        Reply::Error(text) => !text.starts_with("WRONGTYPE"),
        Reply::Simple(text) => text == "none",
        // Nothing, or the code for a key without a deadline to tell.
        Reply::Integer(number) => matches!(number, 0 | -2),
        Reply::Bulk(None) | Reply::Array(None) => true,
        Reply::Bulk(Some(bytes)) => bytes.is_empty(),
        Reply::Array(Some(items)) => match items.as_slice() {
            // A page of a scan: a cursor and names.
            [Reply::Bulk(Some(_)), Reply::Array(Some(names))] => {
                names.iter().all(|name| !matches!(name, Reply::Bulk(Some(name)) if name == key))
            }
            items => items.iter().all(|item| shows_nothing(key, item)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_that_betrays_the_key_is_found() {
        let bulk = |text: &str| Reply::Bulk(Some(text.as_bytes().to_vec()));
        let page =
            |names: Vec<Reply>| Reply::Array(Some(vec![bulk("7"), Reply::Array(Some(names))]));
        let mut property = Expired::default();
        let mut check = |reply| property.check(b"k", &reply).is_ok();
        assert!(check(Reply::Bulk(None)));
        assert!(check(Reply::Integer(-2)));
        assert!(check(Reply::Array(Some(vec![]))));
        assert!(check(Reply::Error("MASTERDOWN".to_owned())));
        assert!(check(page(vec![bulk("other")])));
        assert!(!check(page(vec![bulk("k")])));
        assert!(!check(bulk("value")));
        assert!(!check(Reply::Integer(1)));
        assert!(!check(Reply::Simple("list".to_owned())));
        assert!(!check(Reply::Error("WRONGTYPE Operation".to_owned())));
        assert_eq!(property.premise_count, 10);
    }
}
