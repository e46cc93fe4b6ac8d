//! The scenarios, and what they write.

mod links;
mod refusals;
mod switchover;

use std::{future::Future, pin::Pin};

use redis::{AsyncCommands as _, RedisResult, cmd};
use repl_testbed::{Need, Peer, Testbed};

use crate::account::Account;

/// One scenario.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// The function's name.
    pub(crate) name: &'static str,
    /// What it shows, in a sentence.
    pub(crate) says: &'static str,
    /// What not every world can do.
    pub(crate) needs: &'static [Need],
    /// Why not all worlds see the same, if so.
    pub(crate) differs: Option<&'static str>,
    pub(crate) work: Work,
}

/// What happens in a scenario.
pub(crate) type Work =
    for<'a> fn(&'a Testbed, &'a mut Account) -> Pin<Box<dyn Future<Output = RedisResult<()>> + 'a>>;

/// Defines scenarios and the list of them, a constant `CASES`.
macro_rules! cases {
    ($(
        $(#[doc = $doc:literal])+
        async fn $name:ident($bed:ident, $account:ident)
        $(needs $need:ident)?
        $(differs $why:literal)?
        $body:block
    )+) => {
        /// The scenarios of this file.
        pub(super) const CASES: &[$crate::cases::Case] = &[$($crate::cases::Case {
            name: stringify!($name),
            says: concat!($($doc, "\n"),+),
            needs: &[$(repl_testbed::Need::$need)?],
            differs: $crate::cases::first(&[$($why)?]),
            work: |bed, account| Box::pin($name(bed, account)),
        }),+];

        $(
            $(#[doc = $doc])+
            async fn $name(
                $bed: &repl_testbed::Testbed,
                $account: &mut $crate::account::Account,
            ) -> redis::RedisResult<()> $body
        )+
    };
}
pub(crate) use cases;

/// The reason, where there is one.
const fn first(reasons: &[&'static str]) -> Option<&'static str> {
    match reasons {
        [reason, ..] => Some(reason),
        [] => None,
    }
}

/// Every scenario.
pub(crate) fn all() -> Vec<Case> {
    [links::CASES, switchover::CASES, refusals::CASES].concat()
}

/// Writes so many small keys.
async fn write_keys(peer: &Peer, name: &str, count: usize) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for number in 0..count {
        pipe.set(format!("{name}:{number}"), number).ignore();
    }
    pipe.query_async(&mut peer.client().await?).await
}

/// Writes so many values of a kilobyte each, which no compression shortens much.
async fn write_kilobytes(peer: &Peer, name: &str, count: usize) -> RedisResult<()> {
    let mut client = peer.client().await?;
    let mut state = 1_u64;
    for number in 0..count {
        let value: Vec<u8> = (0..1024)
            .map(|_| {
                // Knuth's linear congruential generator; the high bits are good enough for this.
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let () = client.set(format!("{name}:{number}"), value).await?;
    }
    Ok(())
}

/// Writes keys in another database.
async fn write_in_database(
    peer: &Peer,
    database: u32,
    name: &str,
    count: usize,
) -> RedisResult<()> {
    let mut client = peer.client().await?;
    let () = cmd("SELECT").arg(database).query_async(&mut client).await?;
    for number in 0..count {
        let () = client.set(format!("{name}:{number}"), number).await?;
    }
    Ok(())
}

/// Lets one node follow another and waits until it does.
async fn attach(bed: &Testbed, replica: &Peer, master: &Peer) {
    replica.follow(master).await;
    bed.settle().await;
}

/// Waits until masters have answered so often.
async fn until_decisions(bed: &Testbed, wanted: usize) {
    bed.until(&format!("{wanted} answers to PSYNC"), async || match bed.decisions().len() {
        count if count >= wanted => Ok(()),
        count => Err(count),
    })
    .await;
}

/// Waits until the replica knows that its link is down, or up.
async fn until_link(bed: &Testbed, replica: &Peer, wanted: &str) {
    bed.until(&format!("a link that is {wanted}"), async || {
        let status = replica.info("replication", "master_link_status").await;
        let status = status.map_err(|error| error.to_string())?;
        if status == wanted { Ok(()) } else { Err(status) }
    })
    .await;
}

/// Waits until the node has so many replicas online.
async fn until_replicas(bed: &Testbed, master: &Peer, wanted: usize) {
    bed.until(&format!("{wanted} replicas"), async || {
        let count = master.info("replication", "connected_slaves").await;
        let count = count.map_err(|error| error.to_string())?;
        if count == wanted.to_string() { Ok(()) } else { Err(count) }
    })
    .await;
}
