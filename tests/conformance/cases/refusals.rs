//! What nodes refuse, and in which words.

use std::{cell::RefCell, rc::Rc};

use redis::Value;
use repl_testbed::{Peer, Testbed};

use super::{attach, cases, until_link, until_replicas};
use crate::account::{Offsets, told};

cases! {
    /// A replica refuses writes, alone and in transactions, until it is told not to.
    async fn read_only_refusals(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        for command in ["SET k 1", "GET k", "PUBLISH channel message", "FLUSHALL", "WAIT 0 10"] {
            account.ask(&replica, command).await?;
        }
        let mut client = replica.client().await?;
        for command in ["MULTI", "SET k 1", "EXEC"] {
            let mut words = command.split(' ');
            let mut request = redis::cmd(words.next().expect("a command has a name"));
            words.for_each(|word| {
                request.arg(word);
            });
            let reply = told(request.query_async::<Value>(&mut client).await)?;
            account.note(&format!("in a transaction, {command}"), reply);
        }
        account.ask(&replica, "CONFIG SET replica-read-only no").await?;
        account.ask(&replica, "SET k of-its-own").await?;
        account.ask(&master, "GET k").await?;
        account.ask(&replica, "DEL k").await?;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// `replica-serve-stale-data`: without it a replica that lost its master says so and no more.
    async fn stale_data_and_masterdown(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        account.ask(&master, "SET k 1").await?;
        bed.settle().await;
        bed.cut(&master, &replica);
        until_link(bed, &replica, "down").await;
        account.ask(&replica, "GET k").await?;
        account.ask(&replica, "CONFIG SET replica-serve-stale-data no").await?;
        for command in ["GET k", "SET k 2", "EXISTS k", "PING", "SELECT 1"] {
            account.ask(&replica, command).await?;
        }
        bed.heal(&master, &replica);
        bed.settle().await;
        account.ask(&replica, "GET k").await?;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// `min-replicas-to-write`: a master that has lost its replica takes no writes.
    async fn not_enough_replicas(bed, account) {
        bed.configure(&[("min-replicas-to-write", "1"), ("min-replicas-max-lag", "5")]);
        let [master, replica] = bed.peers().await;
        account.ask(&master, "SET k 0").await?;
        attach(bed, &replica, &master).await;
        until_good(bed, &master, "1").await;
        account.ask(&master, "SET k 1").await?;
        bed.settle().await;
        bed.cut(&master, &replica);
        until_replicas(bed, &master, 0).await;
        until_good(bed, &master, "0").await;
        account.ask(&master, "SET k 2").await?;
        account.ask(&master, "GET k").await?;
        bed.heal(&master, &replica);
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// Who waits for a key of a master that is demoted is sent away.
    async fn blocked_clients_and_a_demotion(bed, account) {
        let [master, heir] = bed.peers().await;
        attach(bed, &heir, &master).await;
        let mut client = master.client().await?;
        let heard = Rc::new(RefCell::new(None));
        let hears = Rc::clone(&heard);
        bed.in_background(async move {
            let mut pop = redis::cmd("BLPOP");
            pop.arg("queue").arg(0);
            let reply = pop.query_async::<Value>(&mut client).await;
            hears.replace(Some(reply));
        });
        bed.until("a client that waits", async || {
            let count = master.info("clients", "blocked_clients").await;
            let count = count.map_err(|error| error.to_string())?;
            if count == "1" { Ok(()) } else { Err(count) }
        })
        .await;
        heir.promote().await;
        master.follow(&heir).await;
        let reply = bed.until("a reply", async || heard.take().ok_or("none")).await;
        account.note("BLPOP", told(reply)?);
        account.ask(&heir, "RPUSH queue a b").await?;
        bed.settle().await;
        account.ask(&master, "LRANGE queue 0 -1").await?;
        account.end(bed, &[&master, &heir], Offsets::Told).await
    }
}

/// Waits until the master counts so many replicas that are good enough.
async fn until_good(bed: &Testbed, master: &Peer, wanted: &str) {
    bed.until(&format!("{wanted} good replicas"), async || {
        let count = master.info("replication", "min_slaves_good_slaves").await;
        let count = count.map_err(|error| error.to_string())?;
        if count == wanted { Ok(()) } else { Err(count) }
    })
    .await;
}
