//! How the replies of two servers must be alike.

use super::connection::{Body, Value};

/// Commands that are sent at once reach two servers at slightly different times.
const CLOCK_TOLERANCE_MILLIS: u64 = 5_000;

/// What the dump of a string begins with that LZF has shortened.
const COMPRESSED: &[u8] = b"\x00\xc3";
/// What the dump of a string begins with.
const STRING_TYPE: u8 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alike {
    Exactly,
    /// Arrays hold the same elements.
    InAnyOrder,
    /// Numbers depend on the clock.
    Nearly,
    /// Chance decides, but not how much it is or of what kind.
    InShape,
    /// A serialization: another server may have written it otherwise. What it says is compared when
    /// the other one restores it.
    AsDump,
    /// What `OBJECT` says: whether a text has become an integer depends on how it came to be
    /// (`docs/DEVIATIONS.md`).
    AsObject,
    /// The same after a `SORT`, which in Redis turns a small sorted set into a skiplist
    /// (`docs/DEVIATIONS.md`).
    AsSortedObject,
    /// Arrays hold the same pairs.
    InPairs,
    /// Names the server, its version or its connections.
    NotAtAll,
}

impl Alike {
    pub(super) fn holds(self, ours: &Value, theirs: &Value) -> bool {
        match self {
            Self::Exactly => ours == theirs,
            Self::AsSortedObject => {
                Self::AsObject.holds(ours, theirs)
                    || (ours.is(b'$', b"listpack") && theirs.is(b'$', b"skiplist"))
            }
            Self::InPairs => in_pairs(ours) == in_pairs(theirs),
            Self::InAnyOrder => sorted(ours) == sorted(theirs),
            Self::Nearly => match (ours.integer(), theirs.integer()) {
                (Some(ours), Some(theirs)) => is_near(ours, theirs),
                _ => ours == theirs,
            },
            Self::InShape => ours == theirs || have_one_shape(ours, theirs),
            Self::AsDump => match (ours.bulk(), theirs.bulk()) {
                (Some(one), Some(other)) => {
                    let is_text = |dump: &[u8]| dump.first() == Some(&STRING_TYPE);
                    let compressed = |dump: &[u8]| dump.starts_with(COMPRESSED);
                    is_text(one) == is_text(other)
                        && (one == other || !is_text(one) || compressed(one) || compressed(other))
                }
                _ => ours == theirs,
            },
            Self::AsObject => {
                let is_shared_or_own = |value: &Value| {
                    [1, i64::from(i32::MAX)].map(Some).contains(&value.integer())
                        || value.is(b'$', b"int")
                        || value.is(b'$', b"embstr")
                };
                // Redis' queued request and what it tells its replicas hold on to the value that
                // the same transaction has set.
                let is_held = [2, 3].map(Some).contains(&theirs.integer());
                ours == theirs || (is_shared_or_own(ours) && (is_shared_or_own(theirs) || is_held))
            }
            Self::NotAtAll => ours.mark == theirs.mark,
        }
    }
}

pub(super) fn is_near(one: i64, other: i64) -> bool {
    one == other || (one > 0 && other > 0 && one.abs_diff(other) <= CLOCK_TOLERANCE_MILLIS)
}

fn have_one_shape(one: &Value, other: &Value) -> bool {
    one.mark == other.mark
        && one.mark != b'-'
        && match (&one.body, &other.body) {
            (Body::Items(one), Body::Items(other)) => one.len() == other.len(),
            (Body::Text(_), Body::Text(_)) | (Body::Nothing, Body::Nothing) => true,
            (Body::Items(_) | Body::Text(_) | Body::Nothing, _) => false,
        }
}

/// The reply with the pairs of an array of RESP2, or its arrays of two in RESP3, in one order.
fn in_pairs(value: &Value) -> Value {
    let is_flat = value.items().iter().all(|item| item.mark == b'$');
    let mark = if value.mark == b'*' && is_flat { b'%' } else { value.mark };
    sorted(&Value { mark, body: value.body.clone() })
}

/// The reply with the elements of its arrays in one order; those of maps in pairs.
pub(super) fn sorted(value: &Value) -> Value {
    let Body::Items(items) = &value.body else { return value.clone() };
    let mut items: Vec<Value> = items.iter().map(sorted).collect();
    if value.mark == b'%' {
        let mut pairs: Vec<&[Value]> = items.chunks(2).collect();
        pairs.sort();
        items = pairs.concat();
    } else {
        items.sort();
    }
    Value { mark: value.mark, body: Body::Items(items) }
}
