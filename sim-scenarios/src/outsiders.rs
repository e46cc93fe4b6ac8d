//! Strangers that dial: without the password, and as replicas that misuse their link.

use repl_sim::{
    lab::{Payload, Peer, Role, Stranger, Takes, Wire},
    scenarios,
};

use crate::secs;

/// What a stranger may try.
const TRIES: [&[&str]; 16] = [
    &["REPLICAOF", "10.9.9.9", "6379"],
    &["SLAVEOF", "NO", "ONE"],
    &["PSYNC", "?", "-1"],
    &["SYNC"],
    &["REPLCONF", "listening-port", "7"],
    &["CONFIG", "SET", "requirepass", ""],
    &["CONFIG", "GET", "masterauth"],
    &["SET", "key:0", "stolen"],
    &["GET", "key:0"],
    &["FLUSHALL"],
    &["MULTI"],
    &["EXEC"],
    &["CLIENT", "PAUSE", "10000"],
    &["DEBUG", "SLEEP", "1"],
    &["MONITOR"],
    &["SHUTDOWN", "NOSAVE"],
];

/// What a replica has no business to say.
const MISUSES: [&[&str]; 8] = [
    &["PING"],
    &["ECHO", "*1"],
    &["GET", "key:0"],
    &["SET", "key:0", "mine"],
    &["SLOWLOG", "GET"],
    &["REPLCONF", "nonsense", "1"],
    &["SUBSCRIBE", "news:0"],
    &["NONSENSE"],
];

async fn dialled(stranger: &Stranger, node: &Peer) -> Wire {
    stranger.dial(node).await.expect("the node is up")
}

/// Says the words as a client does.
async fn say(wire: &mut Wire, words: &[&str]) {
    let strings: String =
        words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    let said = wire.say(format!("*{}\r\n{strings}", words.len())).await;
    said.expect("the node listens");
}

async fn synchronised(wire: &mut Wire, takes: Takes) -> Payload {
    wire.synchronise(takes).await.expect("a payload")
}

scenarios! {
    /// Whoever has not given the password changes nothing, learns nothing, and is not waited for.
    async fn strangers_change_nothing(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.requirepass = "secret".into();
            config.masterauth = "secret".into();
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(200, secs(10)).await;
        lab.settle().await;
        let stranger = lab.stranger();
        for node in [&master, &replica] {
            for words in TRIES {
                let mut wire = dialled(&stranger, node).await;
                say(&mut wire, words).await;
                let heard = wire.hear("\n").await.expect("an answer");
                let refused = ["-NOAUTH", "-EXECABORT", "-ERR"];
                let refused = refused.iter().any(|refusal| heard.starts_with(refusal));
                assert!(refused, "{words:?} is answered by {heard:?}");
            }
            for greedy in ["*1048576\r\n", "*1\r\n$536870912\r\n"] {
                let mut wire = dialled(&stranger, node).await;
                wire.say(greedy).await.expect("the node listens");
                let heard = wire.hear_for(secs(10)).await;
                assert!(heard.ended, "{greedy:?} is waited for");
                assert!(heard.bytes.starts_with(b"-ERR Protocol error"), "{heard:?}");
            }
            let mut deaf = dialled(&stranger, node).await;
            // It may have heard enough before the end.
            let _ = deaf.say("PING\r\n".repeat(20_000)).await;
            assert!(deaf.hear_for(secs(10)).await.ended, "nobody need read so much to a stranger");
        }
        assert_eq!((master.role(), replica.role()), (Role::Master, Role::Replica));
        master.client().work(100, secs(5)).await;
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
    }

    /// Over a replication link comes the history and nothing else, whatever the replica says.
    async fn misuse_is_not_answered(lab: Lab) seeds = 50 {
        let [master, witness] = lab.peers().await;
        witness.follow(&master).await;
        master.client().work(100, secs(5)).await;
        let stranger = lab.stranger();
        for words in MISUSES {
            let mut replica = dialled(&stranger, &master).await;
            let Payload { replid, offset, .. } = synchronised(&mut replica, Takes::Length).await;
            master.client().write_keys(5).await;
            say(&mut replica, words).await;
            master.client().write_keys(5).await;
            let heard = replica.hear_for(secs(3)).await;
            master.has_told(replid, offset, &heard.bytes);
        }
        lab.settle().await;
    }

    /// Behind the mark of a payload comes nothing until the replica acknowledges: it may look for
    /// the mark at the end of what it has read.
    async fn stream_waits_for_the_acknowledgement(lab: Lab) seeds = 50 {
        let [master] = lab.peers().await;
        master.client().work(200, secs(5)).await;
        let mut replica = dialled(&lab.stranger(), &master).await;
        let Payload { replid, offset, .. } = synchronised(&mut replica, Takes::Mark).await;
        // Something is written before anybody may say so.
        master.client().write_keys(10).await;
        let heard = replica.hear_for(secs(2)).await;
        assert!(heard.bytes.is_empty(), "{} behind the mark", heard.bytes.escape_ascii());
        assert!(!heard.ended);
        say(&mut replica, &["REPLCONF", "ACK", &offset.to_string()]).await;
        let heard = replica.hear_for(secs(2)).await;
        assert!(!heard.bytes.is_empty(), "now it begins");
        master.has_told(replid, offset, &heard.bytes);
    }

    /// A replica that takes almost as long as it may for its first acknowledgement has as long
    /// for the next.
    async fn the_first_acknowledgement_comes_late(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.repl_ping_replica_period = secs(1);
            config.repl_timeout = secs(6);
        });
        let [master] = lab.peers().await;
        master.client().work(200, secs(5)).await;
        let mut replica = dialled(&lab.stranger(), &master).await;
        let Payload { replid, offset, .. } = synchronised(&mut replica, Takes::Mark).await;
        let heard = replica.hear_for(secs(4)).await;
        assert!(!heard.ended, "it has time left");
        say(&mut replica, &["REPLCONF", "ACK", &offset.to_string()]).await;
        let heard = replica.hear_for(secs(4)).await;
        assert!(!heard.ended, "it has time left again");
        master.has_told(replid, offset, &heard.bytes);
        assert!(replica.hear_for(secs(6)).await.ended, "it has said nothing more");
    }
}
