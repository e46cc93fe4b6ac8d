//! What Sentinels are told to do, and what they read in our `INFO`.

use std::fs;

use super::group::{
    Group, NAME, nodes, nodes_with_file, poll_info, replicas, sentinel, wait_for_fields,
};
use crate::fixture::{
    client::Reply,
    dataset,
    server::{CONFIG_FILE, Kind},
    wait_for,
};

/// `SENTINEL FAILOVER` has another node take over, and everybody else follow it.
pub(super) fn failover(kinds: &[Kind]) {
    hand_over(&Group::start(kinds));
}

/// The least that Sentinels' user needs.
// redis: the documentation of Sentinel, "Redis Access Control List authentication"
const SENTINEL_RULES: &str = "\
    ACL SETUSER watchman on >secret allchannels +multi +slaveof +ping +exec +subscribe \
    +config|rewrite +role +publish +info +client|setname +client|kill +script|kill";

/// Sentinels that may do no more than they need have another node take over.
pub(super) fn with_little(kinds: &[Kind]) {
    let nodes = nodes(kinds, &[]);
    for node in &nodes {
        node.client().ok(SENTINEL_RULES);
    }
    let more = format!("sentinel auth-user {NAME} watchman\nsentinel auth-pass {NAME} secret\n");
    let group = Group::watched(nodes, &more);
    hand_over(&group);
    for node in &group.nodes {
        let listed = node.client().ask("CLIENT LIST").text();
        let theirs = listed.lines().filter(|line| line.contains("name=sentinel-"));
        assert!(theirs.clone().count() >= 6, "two connections of each Sentinel: {listed}");
        assert!(theirs.into_iter().all(|line| line.contains(" user=watchman ")), "{listed}");
    }
}

const RENAMED: &str = "rename-command CONFIG guessme\nrename-command slaveof followme\n";

/// Sentinels that know the names of what they need have another node take over.
pub(super) fn with_renamed_commands(kinds: &[Kind]) {
    let nodes = nodes_with_file(kinds, RENAMED, &[]);
    let more = format!(
        "sentinel rename-command {NAME} CONFIG guessme\n\
         sentinel rename-command {NAME} SLAVEOF followme\n"
    );
    let group = Group::watched(nodes, &more);
    hand_over(&group);
    for node in &group.nodes {
        let text = fs::read_to_string(node.folder().join(CONFIG_FILE));
        assert!(text.expect("the file is there").starts_with(RENAMED), "the lines stay");
    }
}

#[track_caller]
fn hand_over(group: &Group) {
    let old = group.agreed_master();
    dataset::load(&group.nodes[old]);
    group.settle_behind(old);
    group.sentinels[0].client().ok(&format!("SENTINEL FAILOVER {NAME}"));
    let heir = wait_for("Sentinels that agree on another master", || {
        let master = group.agreed_master();
        if master == old { Err(()) } else { Ok(master) }
    });
    group.settle_behind(heir);
    group.assert_written_down(heir);
    dataset::write(&mut group.nodes[heir].client(), 1);
    group.settle_behind(heir);
    dataset::assert_equal(&group.behind(heir));
}

/// Everything that a Sentinel knows of a replica, it has read in its `INFO`.
pub(super) fn replicas_are_read(kinds: &[Kind]) {
    let nodes = nodes(kinds, &[]);
    nodes[1].client().ok("CONFIG SET replica-priority 7");
    nodes[2].client().ok("CONFIG SET replica-priority 7");
    let sentinel = sentinel(&nodes[0], 1, "");
    let mut client = sentinel.client();
    for node in &nodes[1..] {
        wait_for("what the Sentinel has read", || {
            let wanted = [
                ("slave-priority", "7".to_owned()),
                ("port", node.port().to_string()),
                ("master-port", nodes[0].port().to_string()),
                ("master-host", "127.0.0.1".to_owned()),
                ("master-link-status", "ok".to_owned()),
                ("master-link-down-time", "0".to_owned()),
                ("slave-repl-offset", node.info("slave_repl_offset")),
                ("replica-announced", "1".to_owned()),
                ("runid", node.info("run_id")),
                ("role-reported", "slave".to_owned()),
                ("flags", "slave".to_owned()),
            ];
            let all = replicas(&mut client);
            let says = |fields: &Vec<(String, String)>| {
                wanted
                    .iter()
                    .all(|(name, value)| fields.contains(&((*name).to_owned(), value.clone())))
            };
            if all.iter().any(says) { Ok(()) } else { Err(all) }
        });
    }
    // Of what Redis' own replica is, ours lacks nothing.
    let names = |fields: &Vec<(String, String)>| {
        fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let all = replicas(&mut client);
    assert_eq!(names(&all[0]), names(&all[1]));
}

/// Who has priority 0 is never chosen, and who is not announced is not known.
pub(super) fn are_not_chosen(kinds: &[Kind]) {
    let nodes = nodes(kinds, &[("replica-priority", "0")]);
    let [master, spared, hidden] = &nodes[..] else {
        panic!("three servers are arranged");
    };
    hidden.client().ok("CONFIG SET replica-announced no");
    let sentinel = sentinel(master, 1, "");
    // It learns of both from the master, and from the second that it is not to be told of.
    wait_for_fields(&sentinel, &[("num-slaves", "2")]);
    let only_spared = [spared.port().to_string()];
    let listed = |priority: &str| {
        wait_for("the replica that is announced, as it is", || {
            let all = replicas(&mut sentinel.client()).concat();
            let values = |wanted: &str| {
                let found = all.iter().filter(|(name, _)| name == wanted);
                found.map(|(_, value)| value.clone()).collect::<Vec<_>>()
            };
            let [ports, priorities] = ["port", "slave-priority"].map(values);
            let is_so = ports == only_spared && priorities == [priority];
            if is_so { Ok(()) } else { Err((ports, priorities)) }
        });
    };
    listed("0");
    let failover = format!("SENTINEL FAILOVER {NAME}");
    let nobody = Reply::Error("NOGOODSLAVE No suitable replica to promote".to_owned());
    assert_eq!(sentinel.client().ask(&failover), nobody);
    spared.client().ok("CONFIG SET replica-priority 5");
    listed("5");
    sentinel.client().ok(&failover);
    wait_for("the only one that may be chosen", || match poll_info(spared, "role") {
        role if role == "master" => Ok(()),
        role => Err(role),
    });
}
