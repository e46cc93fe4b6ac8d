//! A scenario: a short async function over the lab, with a name, a sentence and a number of seeds.

use std::{future::Future, pin::Pin};

use crate::lab::Lab;

/// One entry of a registry of scenarios; made by [`scenarios!`](crate::scenarios).
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The function's name.
    pub name: &'static str,
    /// What it shows, in a sentence.
    pub doc: &'static str,
    /// Drawn or directed.
    pub kind: Kind,
    /// How many seeds, from zero, belong to one `cargo test`.
    pub seeds: u64,
    /// The function.
    pub run: fn(Lab) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// What a scenario leaves to its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everything: topology, faults, directives and load are drawn. A run takes a virtual minute
    /// and 5,000 client commands at least, and meets one fault at least.
    Family,
    /// The timing: the scenario itself says what happens, and what must come of it.
    Directed,
}

impl Kind {
    /// As `list` shows it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Family => "family",
            Self::Directed => "directed",
        }
    }
}

/// Defines scenarios and their registry, a constant `SCENARIOS`.
///
/// ```no_run
/// use repl_sim::scenarios;
///
/// scenarios! {
///     /// A replica that follows an empty master is empty.
///     async fn nothing_from_nothing(lab: Lab) as Directed seeds = 50 {
///         let [master, replica] = lab.peers().await;
///         replica.follow(&master).await;
///         lab.settle().await;
///         assert_eq!(replica.dataset(), master.dataset());
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! scenarios {
    ($(
        $(#[doc = $doc:literal])+
        async fn $name:ident($lab:ident: Lab) as $kind:ident seeds = $seeds:literal $body:block
    )+) => {
        /// The scenarios of this module.
        pub const SCENARIOS: &[$crate::Scenario] = &[$($crate::Scenario {
            name: stringify!($name),
            doc: concat!($($doc),+),
            kind: $crate::scenario::Kind::$kind,
            seeds: $seeds,
            run: |lab| Box::pin($name(lab)),
        }),+];

        $(
            $(#[doc = $doc])+
            async fn $name($lab: $crate::Lab) $body
        )+
    };
}
