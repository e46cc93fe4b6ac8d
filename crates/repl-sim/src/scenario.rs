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
    /// How many seeds, from zero, belong to one `cargo test`.
    pub seeds: u64,
    /// The function.
    pub run: fn(Lab) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Defines scenarios and their registry, a constant `SCENARIOS`.
///
/// ```no_run
/// use repl_sim::scenarios;
///
/// scenarios! {
///     /// A replica that follows an empty master is empty.
///     async fn nothing_from_nothing(lab: Lab) seeds = 50 {
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
        async fn $name:ident($lab:ident: Lab) seeds = $seeds:literal $body:block
    )+) => {
        /// The scenarios of this module.
        pub const SCENARIOS: &[$crate::Scenario] = &[$($crate::Scenario {
            name: stringify!($name),
            doc: concat!($($doc),+),
            seeds: $seeds,
            run: |lab| Box::pin($name(lab)),
        }),+];

        $(
            $(#[doc = $doc])+
            async fn $name($lab: $crate::Lab) $body
        )+
    };
}
