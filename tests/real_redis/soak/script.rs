//! What happens in a soak: events that are drawn from a deck, so that none of them is rare.
//!
//! Every event leaves all nodes running and all links open, and the chain on its way to be one.
//! What comes of it is looked at elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Chain, File, NODES};
use crate::fixture::{
    load::Dice,
    server::{Server, Stop},
    wait_for,
};

/// Commands between two things that happen.
const FLOW: u64 = 800;

/// This node lives from the first to the last minute: what grows slowly has all of it to show.
const ELDER: usize = 0;

/// Something that an operator, a network or a machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// All nodes start.
    Begin,
    /// A link is closed for a while.
    Cut,
    /// The same, and what is missed is more than the backlog holds.
    LongCut,
    /// A link carries nothing for a while.
    Stall,
    /// A link ends its connections by a reset.
    Reset,
    /// A link is slow for a while.
    Slow,
    /// A link breaks in the middle of a full sync.
    BreakSnapshot,
    /// A replica reads nothing, and its master may hold little for it.
    SmallLimit,
    /// A link is silent for longer than `repl-timeout`.
    Silence,
    /// A process stands still for a while.
    Freeze,
    /// The master stands still by a command.
    Sleep,
    /// Directives change while everything runs.
    Directives,
    /// A snapshot file is written by somebody.
    Save,
    /// The master goes through its snapshot file.
    Reload,
    /// A replica is killed and comes back.
    KillReplica,
    /// The master is killed, its replica promoted, and the old master joins at the end.
    KillMaster,
    /// The master is killed and comes back with an older file.
    OldFile,
    /// The master is killed and comes back without its dataset.
    EmptyMaster,
    /// A replica is stopped in order and comes back.
    RestartReplica,
    /// The master is stopped in order, and comes back with its file.
    RestartMaster,
    /// A replica is promoted while its master takes writes, which then joins at the end.
    Promote,
    /// `FAILOVER` to the first replica.
    Failover,
    /// `FAILOVER` that is given up.
    FailoverAborted,
    /// `FAILOVER` that does not wait for the replica.
    FailoverForced,
}

/// How an event is done.
pub(super) type Body = fn(&mut Script, &mut Chain);

/// The deck.
pub(super) const EVENTS: [(Event, Body); 23] = [
    (Event::Cut, Script::cut),
    (Event::LongCut, Script::long_cut),
    (Event::Stall, Script::stall),
    (Event::Reset, Script::reset),
    (Event::Slow, Script::slow),
    (Event::BreakSnapshot, Script::break_snapshot),
    (Event::SmallLimit, Script::small_limit),
    (Event::Silence, Script::silence),
    (Event::Freeze, Script::freeze),
    (Event::Sleep, Script::sleep),
    (Event::Directives, Script::directives),
    (Event::Save, Script::save),
    (Event::Reload, Script::reload),
    (Event::KillReplica, Script::kill_replica),
    (Event::KillMaster, Script::kill_master),
    (Event::OldFile, Script::old_file),
    (Event::EmptyMaster, Script::empty_master),
    (Event::RestartReplica, Script::restart_replica),
    (Event::RestartMaster, Script::restart_master),
    (Event::Promote, Script::promote),
    (Event::Failover, Script::failover),
    (Event::FailoverAborted, Script::failover_aborted),
    (Event::FailoverForced, Script::failover_forced),
];

/// Draws events and does them.
#[derive(Debug)]
pub(super) struct Script {
    dice: Dice,
    /// Numbers of events that are left until the deck is shuffled again.
    deck: Vec<usize>,
    /// What has happened since the last check.
    pub(super) happened: BTreeSet<Event>,
    /// How often what has happened.
    pub(super) counts: BTreeMap<Event, u64>,
    /// Nodes whose process ended since the last check.
    pub(super) ended: Vec<usize>,
}

impl Script {
    pub(super) fn of(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            deck: Vec::new(),
            happened: BTreeSet::from([Event::Begin]),
            counts: BTreeMap::new(),
            ended: Vec::new(),
        }
    }

    /// Does what is drawn next. The first one of the round.
    pub(super) fn next(&mut self, chain: &mut Chain) -> Event {
        if self.deck.is_empty() {
            self.deck = (0..EVENTS.len()).collect();
            for end in (1..EVENTS.len()).rev() {
                let other = self.dice.below(end as u64 + 1) as usize;
                self.deck.swap(end, other);
            }
        }
        let (event, _) = EVENTS[self.deck.pop().expect("it was filled")];
        self.perform(event, chain);
        event
    }

    fn perform(&mut self, event: Event, chain: &mut Chain) {
        self.happened.insert(event);
        *self.counts.entry(event).or_default() += 1;
        let body = EVENTS.iter().find(|(known, _)| *known == event).expect("it is in the deck").1;
        body(self, chain);
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.dice.below(count) == 0
    }

    /// A replica.
    fn replica(&mut self) -> usize {
        1 + self.dice.below(NODES as u64 - 1) as usize
    }

    /// A replica that may end.
    fn mortal_replica(&mut self, chain: &Chain) -> usize {
        match self.replica() {
            position if chain.order[position] != ELDER => position,
            1 => 2,
            position => position - 1,
        }
    }

    /// Makes somebody the master who may end.
    fn need_mortal_master(&mut self, chain: &mut Chain) {
        if chain.order[0] == ELDER {
            self.perform(Event::Promote, chain);
            chain.links_are_up();
        }
    }

    fn file(&mut self) -> File {
        if self.one_in(2) { File::Kept } else { File::Gone }
    }

    fn stop(&mut self, chain: &mut Chain, position: usize, how: Stop, file: File) {
        assert_ne!(chain.order[position], ELDER, "it lives for ever");
        self.ended.push(chain.order[position]);
        chain.stop(position, how, file);
    }

    fn cut(&mut self, chain: &mut Chain) {
        let link = chain.above(self.replica());
        link.cut();
        chain.flow(FLOW);
        // Another one, so that both come back at once.
        let other = chain.above(self.replica());
        other.cut();
        chain.flow(FLOW);
        link.heal();
        other.heal();
    }

    fn long_cut(&mut self, chain: &mut Chain) {
        let position = self.replica();
        chain.configure(position - 1, "repl-backlog-size", "16384");
        chain.above(position).cut();
        write_much(chain.at(0), 4);
        chain.flow(FLOW);
        chain.above(position).heal();
    }

    fn stall(&mut self, chain: &mut Chain) {
        let link = chain.above(self.replica());
        link.stall();
        chain.flow(4 * FLOW);
        link.heal();
    }

    fn reset(&mut self, chain: &mut Chain) {
        for _ in 0..3 {
            chain.above(self.replica()).reset();
            chain.flow(FLOW);
        }
    }

    fn slow(&mut self, chain: &mut Chain) {
        let link = chain.above(self.replica());
        link.slow(100_000);
        chain.flow(4 * FLOW);
        link.heal();
    }

    /// The replica loses what it knows of the history, and the snapshot ends somewhere.
    fn break_snapshot(&mut self, chain: &mut Chain) {
        let position = self.mortal_replica(chain);
        self.stop(chain, position, Stop::Kill, File::Gone);
        let bytes = 2_000 + self.dice.below(500_000);
        chain.above(position).break_after(crate::fixture::Way::Back, bytes);
        chain.start_again(position);
        chain.flow(FLOW);
        wait_for("a full sync that was begun", || {
            let full = chain.at(position - 1).count("sync_full");
            if full > 0 { Ok(()) } else { Err(full) }
        });
        chain.flow(FLOW);
    }

    fn small_limit(&mut self, chain: &mut Chain) {
        let position = self.replica();
        let master = position - 1;
        chain.configure(master, "repl-backlog-size", "16384");
        chain.configure(master, "client-output-buffer-limit", "slave 262144 0 0");
        // What happened before may have a link begin anew, and a replica that is still dialling is
        // not one that could be dropped.
        chain.links_are_up();
        let dropped = "client_output_buffer_limit_disconnections";
        let before = chain.at(master).count(dropped);
        chain.above(position).stall();
        wait_for("a replica that is dropped for what it does not read", || {
            write_much(chain.at(0), 1);
            let now = chain.at(master).count(dropped);
            if now > before { Ok(()) } else { Err("it is there") }
        });
        chain.above(position).heal();
    }

    fn silence(&mut self, chain: &mut Chain) {
        let position = self.replica();
        chain.configure(position - 1, "repl-timeout", "2");
        chain.configure(position, "repl-timeout", "2");
        chain.above(position).stall();
        wait_for("a replica that gives up its silent link", || {
            let status = chain.at(position).info("master_link_status");
            if status == "down" { Ok(()) } else { Err(status) }
        });
        chain.above(position).heal();
    }

    fn freeze(&mut self, chain: &mut Chain) {
        let position = self.replica();
        chain.at(position).freeze();
        chain.flow(8 * FLOW);
        chain.at(position).thaw();
    }

    fn sleep(&mut self, chain: &mut Chain) {
        chain.at(0).client().ok("DEBUG SLEEP 0.4");
        chain.flow(FLOW);
    }

    fn directives(&mut self, chain: &mut Chain) {
        for _ in 0..6 {
            let position = self.dice.below(NODES as u64) as usize;
            let sizes = ["16384", "65536", "1048576", "4194304"];
            let (name, value) = match self.dice.below(6) {
                0 | 1 => ("repl-backlog-size", self.dice.pick(&sizes)),
                2 => ("client-output-buffer-limit", "slave 0 0 0"),
                3 => ("repl-diskless-sync", self.dice.pick(&["yes", "no"])),
                4 => ("hz", self.dice.pick(&["1", "50", "100"])),
                _ => ("save", self.dice.pick(&["1 1", "3600 1 300 100", ""])),
            };
            chain.configure(position, name, value);
            chain.flow(FLOW);
            chain.above(self.replica()).reset();
        }
    }

    fn save(&mut self, chain: &mut Chain) {
        let position = self.dice.below(NODES as u64) as usize;
        chain.at(position).client().ok("SAVE");
        let reply = chain.at(0).client().ask("BGSAVE").text();
        assert!(reply.starts_with("Background saving"), "{reply}");
        chain.flow(FLOW);
    }

    fn reload(&mut self, chain: &mut Chain) {
        chain.at(0).client().ok("DEBUG RELOAD");
        chain.flow(FLOW);
    }

    fn kill_replica(&mut self, chain: &mut Chain) {
        let position = self.mortal_replica(chain);
        let file = self.file();
        if file == File::Kept {
            chain.at(position).client().ok("SAVE");
            chain.flow(FLOW);
        }
        self.stop(chain, position, Stop::Kill, file);
        chain.flow(FLOW);
        chain.start_again(position);
    }

    fn kill_master(&mut self, chain: &mut Chain) {
        self.need_mortal_master(chain);
        let file = self.file();
        if file == File::Kept {
            chain.at(0).client().ok("SAVE");
            chain.flow(FLOW);
        }
        self.stop(chain, 0, Stop::Kill, file);
        chain.at(1).promote();
        chain.rotate();
        chain.flow(FLOW);
        chain.start_again(NODES - 1);
    }

    fn old_file(&mut self, chain: &mut Chain) {
        self.need_mortal_master(chain);
        chain.at(0).client().ok("SAVE");
        chain.flow(2 * FLOW);
        self.stop(chain, 0, Stop::Kill, File::Kept);
        chain.start_again(0);
        chain.flow(FLOW);
    }

    /// Its replica keeps what it has, until the operator makes it the master or wants it emptied.
    fn empty_master(&mut self, chain: &mut Chain) {
        self.need_mortal_master(chain);
        chain.end_load();
        self.stop(chain, 0, Stop::Kill, File::Gone);
        chain.start_again(0);
        wait_for("a replica that refuses an empty dataset", || {
            let refused = chain.at(1).info("master_came_back_empty");
            if refused == "1" { Ok(()) } else { Err(refused) }
        });
        if self.one_in(2) {
            chain.at(1).promote();
            chain.rotate();
            chain.join_last();
        } else {
            chain.insist();
        }
        chain.begin_load();
        chain.flow(FLOW);
    }

    fn restart_replica(&mut self, chain: &mut Chain) {
        let position = self.mortal_replica(chain);
        if self.one_in(2) {
            self.stop(chain, position, Stop::Save, File::Kept);
        } else {
            let file = self.file();
            self.stop(chain, position, Stop::Terminate, file);
        }
        chain.flow(FLOW);
        chain.start_again(position);
    }

    fn restart_master(&mut self, chain: &mut Chain) {
        self.need_mortal_master(chain);
        self.stop(chain, 0, Stop::Save, File::Kept);
        chain.start_again(0);
        chain.flow(FLOW);
    }

    fn promote(&mut self, chain: &mut Chain) {
        let link = chain.above(1);
        let is_behind = self.one_in(2);
        if is_behind {
            link.stall();
            chain.flow(FLOW);
        }
        chain.at(1).promote();
        // Nobody else will ever see these.
        chain.flow(FLOW);
        chain.rotate();
        chain.links.iter().for_each(crate::fixture::Proxy::heal);
        chain.flow(FLOW);
        chain.join_last();
    }

    fn failover(&mut self, chain: &mut Chain) {
        let how = format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 30000", chain.at(1).port());
        chain.at(0).client().ok(&how);
        self.hand_over(chain);
    }

    fn failover_aborted(&mut self, chain: &mut Chain) {
        chain.above(1).stall();
        chain.flow(FLOW);
        let mut client = chain.at(0).client();
        client.ok("FAILOVER");
        client.ok("FAILOVER ABORT");
        chain.above(1).heal();
        chain.flow(FLOW);
    }

    fn failover_forced(&mut self, chain: &mut Chain) {
        chain.above(1).stall();
        chain.flow(FLOW);
        let how = format!("FAILOVER TO 127.0.0.1 {} FORCE TIMEOUT 100", chain.at(1).port());
        chain.at(0).client().ok(&how);
        self.hand_over(chain);
    }

    /// Waits until a failover is over.
    fn hand_over(&mut self, chain: &mut Chain) {
        let (master, heir) = (chain.at(0), chain.at(1));
        wait_for("the role to change hands", || {
            let (role, state) = (heir.info("role"), master.info("master_failover_state"));
            let is_over = role == "master" && state == "no-failover";
            is_over.then_some(()).ok_or_else(|| format!("the heir is {role}, {state}"))
        });
        chain.above(1).heal();
        chain.rotate();
        chain.join_last();
        chain.flow(FLOW);
    }
}

/// Writes so many megabytes, which are one key's value.
fn write_much(master: &Server, count: usize) {
    let mut client = master.client();
    for _ in 0..count {
        let reply = client.ask_words(&[b"SET", b"string:0", &vec![b'm'; 1024 * 1024]]);
        assert_eq!(reply.text(), "OK", "a large value is written");
    }
}
