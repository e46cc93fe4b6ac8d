//! Files and what is left of them: disks that fail, fill up, and lose their power.

use std::time::Duration;

use repl_sim::{
    lab::{Crash, DiskFault, Peer, Reply, Role},
    scenarios,
};

/// Reading the old file, writing the new one and putting it in its place takes this many
/// operations of the disk or fewer.
const OPERATIONS: u64 = 8;

/// `CONFIG SET hz`, and `CONFIG REWRITE`: what the second one is answered with, if it is.
async fn rewrite_with_hz(peer: &Peer, hz: &str) -> Option<Reply> {
    let mut client = peer.client();
    let set = client.call(&["CONFIG", "SET", "hz", hz]).await;
    assert_eq!(set, Ok(Reply::Simple("OK".into())), "nothing has gone wrong yet");
    client.call(&["CONFIG", "REWRITE"]).await.ok()
}

async fn hz(peer: &Peer) -> String {
    let reply = peer.client().call(&["CONFIG", "GET", "hz"]).await;
    let Ok(Reply::Array(Some(pair))) = reply else { panic!("an array, not {reply:?}") };
    let [_, Reply::Bulk(Some(value))] = &pair[..] else { panic!("a pair, not {pair:?}") };
    String::from_utf8(value.clone()).expect("a number")
}

scenarios! {
    /// A process or its power lost at any operation of `CONFIG REWRITE` leaves the old
    /// configuration or the new one; the new one if it was acknowledged. The node finds its master
    /// in it.
    async fn config_rewrite_outlasts_a_crash(lab: Lab) seeds = 100 {
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        lab.settle().await;
        let ok = Some(Reply::Simple("OK".into()));
        assert_eq!(rewrite_with_hz(&replica, "77").await, ok);

        let crash = if lab.draw_number(0, 1) == 0 { Crash::Process } else { Crash::Power };
        replica.harm_disk(DiskFault::Loses(lab.draw_number(0, OPERATIONS), crash));
        let answered = rewrite_with_hz(&replica, "99").await;
        if replica.is_up() {
            assert_eq!(answered, ok, "it had fewer operations");
            replica.crash(crash);
        }
        replica.heal_disk();
        replica.restart().await;

        let found = hz(&replica).await;
        assert!(found == "99" || (found == "77" && answered.is_none()), "{found}, {answered:?}");
        master.client().work(200, Duration::from_secs(5)).await;
        lab.settle().await;
        assert_eq!(replica.role(), Role::Replica, "the file says whom to follow");
        assert_eq!(replica.dataset(), master.dataset());
    }

    /// Two who ask for `CONFIG REWRITE` at once are both served, and the file says what was in
    /// force last.
    async fn config_rewrites_take_turns(lab: Lab) seeds = 100 {
        let [node] = lab.peers().await;
        let ok = Some(Reply::Simple("OK".into()));
        let first = lab.in_background({
            let (node, ok) = (node.clone(), ok.clone());
            async move { assert_eq!(rewrite_with_hz(&node, "77").await, ok) }
        });
        lab.pass(lab.draw_span(Duration::ZERO, Duration::from_millis(80))).await;
        assert_eq!(rewrite_with_hz(&node, "99").await, ok);
        first.await;
        let last = hz(&node).await;
        node.crash(Crash::Power);
        node.restart().await;
        assert_eq!(hz(&node).await, last);
    }

    /// A disk that fails or is full has `CONFIG REWRITE` fail with the words of the operating
    /// system, and the file stays as it was: after any crash it says what it said before, or what
    /// the failed attempt wanted when only its last step failed.
    async fn config_rewrite_fails_with_its_disk(lab: Lab) seeds = 100 {
        let [node] = lab.peers().await;
        let ok = Some(Reply::Simple("OK".into()));
        assert_eq!(rewrite_with_hz(&node, "77").await, ok);

        let (fault, words) = match lab.draw_number(0, OPERATIONS) {
            0 => (DiskFault::Full(lab.draw_number(0, 40)), "No space left on device"),
            after => (DiskFault::Fails(after - 1), "Input/output error"),
        };
        node.harm_disk(fault);
        let answered = rewrite_with_hz(&node, "99").await;
        let error = format!("ERR Rewriting config file: {words}");
        let failed = answered == Some(Reply::Error(error));
        assert!(failed || answered == ok, "{answered:?}");
        node.heal_disk();
        node.crash(Crash::Power);
        node.restart().await;

        let found = hz(&node).await;
        assert!(found == "99" || failed, "it was acknowledged");
        assert!(found == "77" || !matches!(fault, DiskFault::Full(_)), "it did not fit");
        // And the disk serves again.
        assert_eq!(rewrite_with_hz(&node, "55").await, ok);
    }
}
