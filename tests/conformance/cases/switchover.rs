//! Another node becomes the master: who goes on with the stream, and who must not.

use super::{attach, cases, until_link, write_in_database, write_keys};
use crate::account::Offsets;

cases! {
    /// After a promotion the sibling goes on by the second history of the new master.
    async fn sibling_by_the_second_history(bed, account) {
        let [master, heir, sibling] = bed.peers().await;
        heir.follow(&master).await;
        attach(bed, &sibling, &master).await;
        write_keys(&master, "before", 20).await?;
        bed.settle().await;
        heir.promote().await;
        sibling.follow(&heir).await;
        write_keys(&heir, "after", 20).await?;
        bed.settle().await;
        account.end(bed, &[&heir, &sibling], Offsets::Told).await
    }

    /// An old master that wrote nothing more goes on as a replica of the new one.
    async fn old_master_without_surplus(bed, account) {
        let [master, heir] = bed.peers().await;
        attach(bed, &heir, &master).await;
        write_keys(&master, "before", 20).await?;
        bed.settle().await;
        heir.promote().await;
        write_keys(&heir, "after", 20).await?;
        attach(bed, &master, &heir).await;
        account.end(bed, &[&master, &heir], Offsets::Told).await
    }

    /// An old master that took writes after the promotion has left the history, also when the new
    /// master took as many bytes: it gets a snapshot, and its surplus is gone.
    async fn old_master_with_surplus(bed, account) {
        let [master, heir] = bed.peers().await;
        attach(bed, &heir, &master).await;
        write_keys(&master, "before", 20).await?;
        bed.settle().await;
        heir.promote().await;
        account.ask(&master, "SET fork of-the-old").await?;
        account.ask(&heir, "SET fork of-the-new").await?;
        attach(bed, &master, &heir).await;
        account.ask(&master, "GET fork").await?;
        account.end(bed, &[&master, &heir], Offsets::Told).await
    }

    /// A chain of three: a cut at its top costs the bottom nothing.
    async fn chain_with_a_cut_at_the_top(bed, account) {
        let [top, middle, bottom] = bed.peers().await;
        attach(bed, &middle, &top).await;
        attach(bed, &bottom, &middle).await;
        write_keys(&top, "before", 20).await?;
        bed.settle().await;
        bed.cut(&top, &middle);
        write_keys(&top, "during", 20).await?;
        bed.heal(&top, &middle);
        bed.settle().await;
        account.end(bed, &[&top, &middle, &bottom], Offsets::Told).await
    }

    /// The middle of a chain is promoted: the bottom stays with it and learns of the new history.
    async fn promotion_of_the_middle(bed, account) {
        let [top, middle, bottom] = bed.peers().await;
        attach(bed, &middle, &top).await;
        attach(bed, &bottom, &middle).await;
        write_keys(&top, "before", 20).await?;
        bed.settle().await;
        middle.promote().await;
        write_keys(&middle, "after", 20).await?;
        bed.settle().await;
        account.end(bed, &[&middle, &bottom], Offsets::Told).await
    }

    /// The top of a chain follows another master: everybody below leaves the old history, too.
    async fn chain_moves_to_another_history(bed, account) {
        let [top, bottom, other] = bed.peers().await;
        attach(bed, &bottom, &top).await;
        write_keys(&top, "top", 20).await?;
        write_keys(&other, "other", 20).await?;
        bed.settle().await;
        attach(bed, &top, &other).await;
        write_keys(&other, "after", 20).await?;
        bed.settle().await;
        account.end(bed, &[&other, &top, &bottom], Offsets::Told).await
    }

    /// A replica that was promoted, wrote nothing and follows its master again.
    async fn promoted_and_demoted(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        write_keys(&master, "before", 20).await?;
        bed.settle().await;
        replica.promote().await;
        attach(bed, &replica, &master).await;
        write_keys(&master, "after", 20).await?;
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// A replica that was promoted and wrote something follows its master again.
    async fn promoted_written_to_and_demoted(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        write_keys(&master, "before", 20).await?;
        bed.settle().await;
        replica.promote().await;
        write_keys(&replica, "own", 5).await?;
        attach(bed, &replica, &master).await;
        account.ask(&replica, "EXISTS own:0").await?;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// A new master's stream names its database, though the last write of the old one was in it:
    /// a sibling's snapshot said nothing of it.
    async fn select_after_a_promotion(bed, account) {
        let [master, heir, sibling] = bed.peers().await;
        attach(bed, &heir, &master).await;
        write_in_database(&master, 2, "before", 10).await?;
        bed.settle().await;
        attach(bed, &sibling, &master).await;
        heir.promote().await;
        sibling.follow(&heir).await;
        write_in_database(&heir, 2, "after", 10).await?;
        bed.settle().await;
        account.ask(&sibling, "DBSIZE").await?;
        account.end(bed, &[&heir, &sibling], Offsets::Told).await
    }

    /// A replica is told to follow another replica of the same master: it goes on at its byte.
    async fn replica_moves_below_its_sibling(bed, account) {
        let [master, first, second] = bed.peers().await;
        first.follow(&master).await;
        attach(bed, &second, &master).await;
        write_keys(&master, "before", 20).await?;
        bed.settle().await;
        second.follow(&first).await;
        write_keys(&master, "after", 20).await?;
        bed.settle().await;
        account.end(bed, &[&master, &first, &second], Offsets::Told).await
    }

    /// The master dies, a replica is promoted, and the master comes back empty as its replica.
    async fn failover_and_return(bed, account) {
        let [master, heir, sibling] = bed.peers().await;
        heir.follow(&master).await;
        attach(bed, &sibling, &master).await;
        write_keys(&master, "before", 20).await?;
        bed.settle().await;
        master.crash();
        until_link(bed, &heir, "down").await;
        heir.promote().await;
        sibling.follow(&heir).await;
        write_keys(&heir, "after", 20).await?;
        master.restart().await;
        attach(bed, &master, &heir).await;
        account.end(bed, &[&master, &heir, &sibling], Offsets::Told).await
    }
}
