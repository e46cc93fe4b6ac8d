//! A scenario: what happens in a run, with a name, a sentence and a number of seeds.

use std::{future::Future, pin::Pin};

use crate::{
    lab::Lab,
    schedule::{Plan, Schedule},
};

/// One entry of a registry of scenarios; made by [`scenarios!`](crate::scenarios) and
/// [`families!`](crate::families).
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The function's name.
    pub name: &'static str,
    /// What it shows, in a sentence.
    pub doc: &'static str,
    /// How many seeds, from zero, belong to one `cargo test`.
    pub seeds: u64,
    /// Drawn or directed, and by whom.
    pub kind: Kind,
}

/// What a scenario leaves to its seed.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Everything: topology, faults, directives and load are drawn into a schedule, and the run is
    /// driven by that. It takes a virtual minute and 5,000 client commands at least, and meets one
    /// fault at least.
    Family(fn(&mut Plan)),
    /// The timing: the scenario itself says what happens, and what must come of it.
    Directed(fn(Lab) -> Pin<Box<dyn Future<Output = ()>>>),
}

impl Kind {
    /// As `list` shows it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Family(_) => "family",
            Self::Directed(_) => "directed",
        }
    }
}

impl Scenario {
    /// What a seed expands into; `None` if the scenario is no family.
    #[must_use]
    pub fn schedule(&self, seed: u64) -> Option<Schedule> {
        let Kind::Family(draw) = self.kind else { return None };
        let mut plan = Plan::new(self.name, seed);
        draw(&mut plan);
        Some(plan.finish())
    }
}

/// Defines families and their registry, a constant `FAMILIES`.
///
/// ```no_run
/// use repl_sim::{
///     families,
///     schedule::{Load, Trouble, Variety},
/// };
///
/// families! {
///     /// Links that are reset cost nobody anything.
///     fn resets(plan: &mut Plan) seeds = 50 {
///         plan.nodes(2, 3);
///         plan.clients(Load::MIXED);
///         plan.trouble(&[(1, Trouble::Reset)], Variety::All);
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! families {
    ($(
        $(#[doc = $doc:literal])+
        fn $name:ident($plan:ident: &mut Plan) seeds = $seeds:literal $body:block
    )+) => {
        /// The families of this module.
        pub const FAMILIES: &[$crate::Scenario] = &[$($crate::Scenario {
            name: stringify!($name),
            doc: concat!($($doc),+),
            seeds: $seeds,
            kind: $crate::scenario::Kind::Family($name),
        }),+];

        $(
            $(#[doc = $doc])+
            fn $name($plan: &mut $crate::schedule::Plan) $body
        )+
    };
}

/// Defines directed scenarios and their registry, a constant `SCENARIOS`.
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
            kind: $crate::scenario::Kind::Directed(|lab| Box::pin($name(lab))),
        }),+];

        $(
            $(#[doc = $doc])+
            async fn $name($lab: $crate::Lab) $body
        )+
    };
}
