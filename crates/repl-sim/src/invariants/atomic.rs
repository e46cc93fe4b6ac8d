//! **Whole transactions**: no reader sees a part of one. Some pairs of keys are only ever written
//! together, by a transaction that gives both the same new value: whoever reads both at once, on
//! any node, reads the same twice.
//!
//! Source: oracle ATOM. Premise: pairs read that were there.

use super::Broken;
use crate::lab::{Kind, Reply};

pub(super) const NAME: &str = "whole-transactions";

#[derive(Debug, Default)]
pub(super) struct Atomic {
    pub(super) premise_count: u64,
}

impl Atomic {
    pub(super) fn check(&mut self, kind: Kind, reply: &Reply) -> Result<(), Broken> {
        let (Kind::Pair, Reply::Array(Some(pair))) = (kind, reply) else { return Ok(()) };
        match pair.as_slice() {
            [Reply::Bulk(None), Reply::Bulk(None)] => Ok(()),
            [one, other] if one == other => {
                self.premise_count += 1;
                Ok(())
            }
            _ => Err(Broken {
                property: NAME,
                expected: "two equal values".to_owned(),
                actual: format!("{pair:?}"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_transaction_is_found() {
        let value = |text: &str| Reply::Bulk(Some(text.as_bytes().to_vec()));
        let mut property = Atomic::default();
        let mut check = |pair: [Reply; 2]| {
            property.check(Kind::Pair, &Reply::Array(Some(pair.to_vec()))).is_ok()
        };
        assert!(check([value("1"), value("1")]));
        assert!(check([Reply::Bulk(None), Reply::Bulk(None)]));
        assert!(!check([value("1"), value("2")]));
        assert!(!check([value("1"), Reply::Bulk(None)]));
        assert_eq!(property.premise_count, 1);
    }
}
