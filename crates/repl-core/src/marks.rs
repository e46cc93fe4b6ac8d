//! The decisions of the protocol by name, and how often a node took each.
//!
//! A mark says that a branch was taken, not that it was right: whoever simulates nodes adds them up
//! over many runs, and a branch that no run ever took has not been tested. The server pays an
//! increment for each, on branches that are rare beside the commands it runs.

/// Declares [`Mark`]: each with its name and, as its documentation, what was decided.
macro_rules! marks {
    ($( $(#[doc = $doc:literal])+ $mark:ident = $name:literal, )+) => {
        /// A decision.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mark {
            $( $(#[doc = $doc])+ $mark, )+
        }

        impl Mark {
            /// All of them, in the order in which they are declared.
            pub const ALL: &[Self] = &[$( Self::$mark ),+];

            /// What reports call it: the part of the protocol, and what was decided.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$mark => $name, )+ }
            }

            /// What was decided, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $( Self::$mark => concat!($($doc),+), )+ }
            }
        }
    };
}

marks! {
    /// A master goes on with its own history.
    MasterContinues = "psync.master.continue",
    /// A master goes on with the history that it told before its promotion.
    MasterContinuesOld = "psync.master.continue-by-replid2",
    /// A master grants a snapshot to a replica that named no history.
    MasterFullAsked = "psync.master.full.asked",
    /// A master grants a snapshot: the history named is not its own.
    MasterFullOther = "psync.master.full.other-history",
    /// A master grants a snapshot: the replica has bytes of the old history that came after the
    /// promotion.
    MasterFullBeyondSwitch = "psync.master.full.beyond-switch",
    /// A master grants a snapshot: the byte wanted has left the backlog.
    MasterFullTrimmed = "psync.master.full.trimmed",
    /// A master grants a snapshot: the byte wanted does not exist yet.
    MasterFullAfterEnd = "psync.master.full.after-end",
    /// A node grants a snapshot: the history is its own, and it keeps no backlog.
    FullNoBacklog = "psync.full.no-backlog",
    /// A replica goes on with its master's history for a replica of its own.
    ReplicaContinues = "psync.replica.continue",
    /// A replica goes on with the history that its master told before.
    ReplicaContinuesOld = "psync.replica.continue-by-replid2",
    /// A replica grants a snapshot to a replica of its own that named no history.
    ReplicaFullAsked = "psync.replica.full.asked",
    /// A replica grants a snapshot: the history named is not its master's.
    ReplicaFullOther = "psync.replica.full.other-history",
    /// A replica grants a snapshot: bytes of the old history after the change of ids.
    ReplicaFullBeyondSwitch = "psync.replica.full.beyond-switch",
    /// A replica grants a snapshot: the byte wanted has left the backlog.
    ReplicaFullTrimmed = "psync.replica.full.trimmed",
    /// A replica grants a snapshot: whoever asks is further than itself.
    ReplicaFullAfterEnd = "psync.replica.full.after-end",
    /// Whoever goes on lacks nothing.
    ContinueAtEnd = "psync.continue.at-end",
    /// Whoever goes on is sent bytes of the backlog.
    ContinueBehind = "psync.continue.behind",
    /// Whoever goes on needs the oldest byte of the backlog.
    ContinueAtFirst = "psync.continue.at-first-byte",
    /// Whoever goes on understands no id behind `+CONTINUE`.
    ContinueWithoutId = "psync.continue.without-id",
    /// `SYNC`, the command from before `PSYNC`.
    SyncAsked = "psync.sync",
    /// A second `PSYNC` on one connection, or that of a monitor, is passed over.
    SyncAgain = "psync.again",
    /// A replica without its master grants nothing.
    RefusedNoMasterLink = "psync.refused.no-master-link",
    /// `PSYNC` behind replies that have not left.
    RefusedPendingOutput = "psync.refused.pending-output",
    /// `PSYNC ... FAILOVER` to a replica of whoever asks: it becomes the master.
    TakesOver = "psync.takes-over",
    /// `PSYNC ... FAILOVER` to a master.
    RefusedFailover = "psync.refused.failover",
    /// `PSYNC ... FAILOVER` for another history.
    RefusedFailoverOfAnother = "psync.refused.failover-of-another",
    /// Nobody is granted anything while the role is being handed over.
    RefusedFailingOver = "psync.refused.failing-over",
    /// A snapshot without keys is wanted by a peer that takes none with a mark.
    RefusedFilter = "psync.refused.filter",
    /// An offset that is no number.
    RefusedOffset = "psync.refused.offset",

    /// A snapshot is cut as soon as it is asked for.
    SnapshotAtOnce = "snapshot.at-once",
    /// A replica waits, so that others can share its snapshot.
    SnapshotDelayed = "snapshot.delayed",
    /// A replica waits: there is no room for another snapshot.
    SnapshotNoRoom = "snapshot.no-room",
    /// The wait for others is over.
    SnapshotDelayOver = "snapshot.delay-over",
    /// As many wait as one snapshot is to serve.
    SnapshotEnough = "snapshot.enough-replicas",
    /// One snapshot for several replicas.
    SnapshotShared = "snapshot.shared",
    /// A replica cuts a snapshot for its own replicas.
    SnapshotOfReplica = "snapshot.of-replica",
    /// A payload that ends with a mark.
    SnapshotMark = "snapshot.mark",
    /// A payload with its length in front.
    SnapshotLength = "snapshot.length",
    /// A payload without keys.
    SnapshotEmpty = "snapshot.empty",
    /// A snapshot whose readers have all gone ends early.
    SnapshotAbandoned = "snapshot.abandoned",
    /// A peer that wanted the payload and nothing more is let go.
    SnapshotOnly = "snapshot.rdb-only",
    /// The history has grown since the snapshot was cut.
    SnapshotOutrun = "snapshot.outrun",
    /// The payload has left, and the stream waits for the first acknowledgement.
    SnapshotAwaitsAck = "snapshot.awaits-ack",
    /// The payload has left, and the stream follows at once.
    SnapshotOnline = "snapshot.online",

    /// The first acknowledgement starts the stream.
    AckStartsStream = "ack.starts-stream",
    /// An acknowledgement of bytes that do not exist.
    AckBeyondEnd = "ack.beyond-end",
    /// An option of `REPLCONF` that nobody knows.
    ReplconfUnknown = "replconf.unknown",
    /// A master gives a sign of life in its stream.
    Ping = "sign.ping",
    /// A replica that waits for a snapshot is told that it is not forgotten.
    NewlineToWaiting = "sign.newline-to-waiting",
    /// A replica that loads tells its master that it lives.
    NewlineWhileLoading = "sign.newline-while-loading",
    /// A replica holds back more memory than the hard limit allows.
    LimitHard = "limit.hard",
    /// A replica holds back more than the soft limit for too long.
    LimitSoft = "limit.soft",
    /// A replica was silent during its full synchronisation.
    SilentWhileSyncing = "timeout.replica.syncing",
    /// A replica was silent while it followed the stream.
    SilentOnline = "timeout.replica.online",
    /// The connection with a replica broke.
    ReplicaLost = "replica.lost",

    /// The first replica has come: bytes are counted from here on, under a new id.
    BacklogCreated = "backlog.created",
    /// No replica came for too long: the backlog and the id are given up.
    BacklogFreed = "backlog.freed",
    /// The oldest bytes are dropped.
    BacklogTrimmed = "backlog.trimmed",
    /// Bytes beyond the size are kept for a replica that still reads them.
    BacklogHeld = "backlog.held",
    /// `repl-backlog-size` changed while there was a backlog.
    BacklogResized = "backlog.resized",

    /// A master without a history of its own follows another node.
    FollowFresh = "follow.fresh",
    /// A master follows another node and offers to go on where its own history ends.
    FollowOwnHistory = "follow.own-history",
    /// A replica follows another master.
    FollowAnother = "follow.another",
    /// A replica is promoted while it follows the stream.
    PromotedStreaming = "promote.streaming",
    /// A replica is promoted in the middle of its master's transaction.
    PromotedInTransaction = "promote.in-transaction",
    /// A replica is promoted while it loads a snapshot.
    PromotedLoading = "promote.loading",
    /// A replica is promoted during dial or handshake.
    PromotedConnecting = "promote.connecting",
    /// A replica is promoted between two attempts.
    PromotedWaiting = "promote.waiting",
    /// A promotion closes the replicas of the node.
    PromotionDropsReplicas = "promote.drops-replicas",
    /// A full synchronisation of the node closes its replicas.
    FullSyncDropsReplicas = "full-sync.drops-replicas",
    /// A new id of the master's closes the replicas of the node.
    NewIdDropsReplicas = "new-id.drops-replicas",

    /// Another attempt to reach the master.
    Dialled = "link.dial",
    /// The master's host refuses the connection.
    DialRefused = "link.dial.refused",
    /// Nobody answers the dial.
    DialTimedOut = "link.dial.timed-out",
    /// There is no such host.
    DialUnreachable = "link.dial.unreachable",
    /// The master wants a password before it answers `PING`.
    PongNoAuth = "handshake.ping.noauth",
    /// The master answers `PING` with another error.
    PingRefused = "handshake.ping.refused",
    /// A password is sent.
    AuthSent = "handshake.auth",
    /// A user and a password are sent.
    AuthSentForUser = "handshake.auth.user",
    /// The master takes the password for wrong.
    AuthRefused = "handshake.auth.refused",
    /// The master knows no `listening-port`.
    PortNotUnderstood = "handshake.port.refused",
    /// An address is announced.
    IpAnnounced = "handshake.ip",
    /// The master knows no `ip-address`.
    IpNotUnderstood = "handshake.ip.refused",
    /// The master knows no capabilities.
    CapaNotUnderstood = "handshake.capa.refused",
    /// The replica asks to go on.
    AskedToContinue = "handshake.asks.continue",
    /// The replica asks for everything.
    AskedForAll = "handshake.asks.full",
    /// A sign of life comes before the answer to `PSYNC`.
    SignBeforeAnswer = "handshake.sign-of-life",
    /// `+FULLRESYNC` with a history.
    AnsweredFull = "handshake.full",
    /// `+FULLRESYNC` without one.
    AnsweredFullWithoutOrigin = "handshake.full.without-origin",
    /// `+CONTINUE` under the id that was named.
    AnsweredContinue = "handshake.continue",
    /// `+CONTINUE` under another id.
    AnsweredContinueNewId = "handshake.continue.new-id",
    /// `+CONTINUE` without an id.
    AnsweredContinueWithoutId = "handshake.continue.without-id",
    /// `+CONTINUE` to a replica that asked for everything.
    NothingToContinue = "handshake.continue.unasked",
    /// The master's own link is down: the replica tries again.
    TryLaterNoMasterLink = "handshake.try-later.no-master-link",
    /// The master is loading: the replica tries again.
    TryLaterLoading = "handshake.try-later.loading",
    /// The master knows no `PSYNC`: the replica falls back to `SYNC`.
    SyncAfterError = "handshake.sync-after-error",
    /// The master answers `PSYNC` with something odd: the replica falls back to `SYNC`.
    SyncAfterOddity = "handshake.sync-after-oddity",
    /// A line of the master that does not end.
    LineTooLong = "handshake.line-too-long",

    /// A payload with a mark is loaded.
    LoadedMark = "load.mark",
    /// A payload with a length is loaded.
    LoadedLength = "load.length",
    /// A payload without a history is loaded.
    LoadedWithoutOrigin = "load.without-origin",
    /// Writes are slowed down for a replica that is on its way to be in sync.
    WritesSlowed = "limits.writes-slowed",
    /// A payload is refused that would take the dataset away for next to nothing.
    EmptyMasterRefused = "load.empty-master-refused",
    /// The master gives up instead of sending a payload.
    PayloadRefused = "load.refused",
    /// The line before the payload is none that is known.
    PayloadHeader = "load.header",
    /// The payload is damaged.
    PayloadDamaged = "load.damaged",
    /// The payload is shorter or longer than announced.
    PayloadLength = "load.wrong-length",
    /// The bytes behind the payload are not the mark.
    PayloadMark = "load.wrong-mark",

    /// The connection ended during the handshake.
    LostGreeting = "link.lost.greeting",
    /// The connection ended while a payload came.
    LostLoading = "link.lost.loading",
    /// The connection ended while the stream came.
    LostStreaming = "link.lost.streaming",
    /// The connection ended in the middle of a transaction.
    LostInTransaction = "link.lost.in-transaction",
    /// The master closed the connection.
    LostByEnd = "link.lost.by-end",
    /// The connection was reset.
    LostByReset = "link.lost.by-reset",
    /// The connection timed out in the network stack.
    LostByTimeout = "link.lost.by-timeout",
    /// The master was silent during dial or handshake.
    SilentConnecting = "timeout.master.connecting",
    /// The master was silent while a payload was due.
    SilentLoading = "timeout.master.loading",
    /// The master was silent in the stream.
    SilentStreaming = "timeout.master.streaming",
    /// The stream holds bytes that are no command.
    StreamGarbage = "stream.garbage",
    /// The stream holds an inline command.
    StreamInline = "stream.inline",
    /// The stream holds an empty line.
    StreamGap = "stream.gap",
    /// A command that only newer masters have, in older words.
    StreamNewer = "stream.newer",
    /// The stream holds a command that is not run.
    StreamRefused = "stream.refused",
    /// A transaction of the stream is applied.
    StreamTransaction = "stream.transaction",
    /// The master asks for an acknowledgement.
    StreamGetack = "stream.getack",

    /// A write on a read-only replica.
    ReadOnly = "gate.readonly",
    /// A write on a master with too few good replicas.
    NoReplicas = "gate.noreplicas",
    /// A stale answer where none is wanted.
    MasterDown = "gate.masterdown",
    /// A command of a stranger.
    NoAuth = "gate.noauth",
    /// A peer that replicates asks for keys.
    ReplicaTouchesKeys = "gate.replica-touches-keys",

    /// `FAILOVER` begins to wait for a replica.
    FailoverBegins = "failover.begins",
    /// A replica has everything: it is followed.
    FailoverSynced = "failover.synced",
    /// The time is over: the target is followed all the same.
    FailoverForced = "failover.forced",
    /// The time is over: nobody takes over.
    FailoverOverdue = "failover.overdue",
    /// Nobody takes over.
    FailoverAborted = "failover.aborted",
    /// The target did not take over, or was not waited for: we are the master again.
    FailoverTakenBack = "failover.taken-back",
    /// The target has taken over.
    FailoverAccepted = "failover.accepted",

    /// `WAIT` on a replica.
    WaitOnReplica = "wait.on-replica",
    /// Enough replicas have acknowledged before anybody waits.
    WaitAtOnce = "wait.at-once",
    /// A transaction does not wait.
    WaitInTransaction = "wait.in-transaction",
    /// A client begins to wait for replicas.
    WaitBegins = "wait.begins",
    /// Enough replicas have acknowledged.
    WaitSatisfied = "wait.satisfied",
    /// The time is over.
    WaitTimedOut = "wait.timed-out",
    /// The node becomes a replica.
    WaitDemoted = "wait.demoted",
    /// A client begins to wait for a key.
    BlockBegins = "block.begins",
    /// Nobody waits within a transaction.
    BlockInTransaction = "block.in-transaction",
    /// A client that waited is served.
    BlockServed = "block.served",
    /// The time of a client that waits for a key is over.
    BlockTimedOut = "block.timed-out",
    /// Who waits for a key is sent away: the node becomes a replica.
    BlockDemoted = "block.demoted",

    /// The expiry cycle of a master deletes a key.
    ExpiredByCycle = "expiry.cycle",
    /// A client meets a key of a master whose time is over.
    ExpiredOnAccess = "expiry.on-access",
    /// A key whose time is over is hidden, and stays until the owner says otherwise.
    ExpiredHidden = "expiry.hidden",
    /// A command of the master's meets a key whose time is over here.
    ExpiredIgnored = "expiry.ignored",
    /// A replica deletes a key that its own client has written.
    ExpiredOwn = "expiry.own",

    /// The process ends at once.
    ShutdownAtOnce = "shutdown.at-once",
    /// The end of the process waits for replicas.
    ShutdownWaits = "shutdown.waits",
    /// All replicas have everything.
    ShutdownSatisfied = "shutdown.satisfied",
    /// Replicas lag, and the process waits no longer.
    ShutdownOverdue = "shutdown.overdue",
    /// The end of the process is called off.
    ShutdownAborted = "shutdown.aborted",
    /// A shutdown is called off because the dataset cannot be saved.
    ShutdownUnsaved = "shutdown.unsaved",
    /// A cut for a file whose history somebody may go on with.
    SaveWithPlace = "save.with-place",
    /// A cut for a file that names no history.
    SaveWithoutPlace = "save.without-place",
    /// A save point is reached.
    SavePoint = "save.point",
    /// A new file is in its place.
    Saved = "save.done",
    /// There is no new file.
    SaveFailed = "save.failed",
    /// A save is given up for a newer dataset.
    SaveAbandoned = "save.abandoned",
    /// A boot without a file.
    LoadNoFile = "load.no-file",
    /// A replica boots from a file and may ask to go on from there.
    LoadAsReplica = "load.as-replica",
    /// A master boots from a file, and replicas may go on from there.
    LoadAsMaster = "load.as-master",
    /// A master boots from a file and deletes what has expired since.
    LoadExpired = "load.expired",
    /// A file is worthless, or cannot be read.
    LoadRefused = "load.bad-file",
    /// `DEBUG RELOAD` takes from a replica what it is being sent.
    ReloadDropsReplicas = "load.reload-drops-replicas",
}

const COUNT: usize = Mark::ALL.len();

/// How often each decision was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks([u64; COUNT]);

impl Default for Marks {
    fn default() -> Self {
        Self([0; COUNT])
    }
}

impl Marks {
    /// A decision was taken.
    #[inline]
    pub fn hit(&mut self, mark: Mark) {
        self.0[mark as usize] += 1;
    }

    /// How often this one was taken.
    pub fn count(&self, mark: Mark) -> u64 {
        self.0[mark as usize]
    }

    /// Adds what another node, or the same one in another run, has counted.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().zip(other.0) {
            *own += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_mark_has_a_name_and_a_place_of_its_own() {
        let names: BTreeSet<&str> = Mark::ALL.iter().map(|mark| mark.name()).collect();
        assert_eq!(names.len(), Mark::ALL.len());
        for (place, mark) in Mark::ALL.iter().enumerate() {
            assert_eq!(*mark as usize, place);
            assert!(mark.meaning().trim().ends_with('.'), "{}", mark.name());
        }
    }

    #[test]
    fn marks_add_up() {
        let mut one = Marks::default();
        one.hit(Mark::ReadOnly);
        let mut sum = one;
        sum.add(&one);
        sum.hit(Mark::Ping);
        assert_eq!(
            [Mark::ReadOnly, Mark::Ping, Mark::NoAuth].map(|mark| sum.count(mark)),
            [2, 1, 0]
        );
    }
}
