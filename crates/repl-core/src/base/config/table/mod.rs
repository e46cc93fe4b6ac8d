//! The table of directives: every name the server knows, with its range, default and effect.
//!
//! `live` and `tls` hold the rows that have a field in `Config`, `kept` those that are only
//! checked, kept and shown. Ranges, defaults and which directives may change while running were
//! read off redis-server 7.0.15.

#[macro_use]
mod forms;

mod kept;
mod live;
mod tls;

use super::directive::{Change, Directive, Effect, Kind, Listing};

/// All rows, in the order they are listed.
pub(super) static TABLE: &[&[Directive]] = &[
    live::PROCESS,
    live::NODE,
    live::MEASURES,
    live::ENCODINGS,
    live::REPLICATION,
    tls::ROWS,
    kept::ROWS,
];

/// Redis' `int` directives end here.
const INT_MAX: i64 = i32::MAX as i64;
/// The largest number of bytes where Redis keeps a signed number.
const BYTES_MAX: u64 = i64::MAX as u64;

const fn row(name: &'static str, effect: Effect, kind: Kind, doc: &'static str) -> Directive {
    Directive {
        name,
        alias: None,
        change: Change::Running,
        effect,
        doc,
        listing: Listing::Listed,
        kind,
    }
}

/// What a row says beyond `row`: it is listed, without alias, and changes at any time otherwise.
impl Directive {
    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    const fn at_boot(mut self) -> Self {
        self.change = Change::Boot;
        self
    }

    const fn protected(mut self) -> Self {
        self.change = Change::Protected;
        self
    }

    const fn hidden(mut self) -> Self {
        self.listing = Listing::Hidden;
        self
    }
}
