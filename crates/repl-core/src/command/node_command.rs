//! The commands that the node runs itself: they are about connections, roles and configuration.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the command of that name")]
pub enum NodeCommand {
    Acl(AclCommand),
    Auth,
    Bgsave,
    Client(ClientCommand),
    Command(CommandCommand),
    Config(ConfigCommand),
    Debug(DebugCommand),
    Discard,
    Exec,
    Hello,
    Info,
    Lastsave,
    Latency(LatencyCommand),
    Memory(MemoryCommand),
    Monitor,
    Multi,
    Ping,
    Psubscribe,
    Psync,
    Publish,
    Pubsub(PubsubCommand),
    Punsubscribe,
    Quit,
    ReplExplain,
    Replconf,
    Failover,
    Replicaof,
    Reset,
    Role,
    Save,
    Select,
    Shutdown,
    Slowlog(SlowlogCommand),
    Spublish,
    Ssubscribe,
    Subscribe,
    Sunsubscribe,
    Sync,
    Unsubscribe,
    Unwatch,
    Wait,
    Watch,
}

/// A subcommand of `ACL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum AclCommand {
    Cat,
    Deluser,
    Dryrun,
    Genpass,
    Getuser,
    List,
    Load,
    Save,
    Setuser,
    Users,
    Whoami,
}

/// A subcommand of `CLIENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum ClientCommand {
    Getname,
    Getredir,
    Id,
    Info,
    Kill,
    List,
    NoEvict,
    NoTouch,
    Pause,
    Reply,
    Setinfo,
    Setname,
    Trackinginfo,
    Unblock,
    Unpause,
}

/// A subcommand of `COMMAND`, or none: all commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum CommandCommand {
    All,
    Count,
    Docs,
    Getkeys,
    Getkeysandflags,
    Info,
    List,
}

/// A subcommand of `CONFIG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum ConfigCommand {
    Get,
    Resetstat,
    Rewrite,
    Set,
}

/// A subcommand of `DEBUG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum DebugCommand {
    ChangeReplId,
    Digest,
    DigestValue,
    Log,
    Reload,
    SetActiveExpire,
    Sleep,
}

/// A subcommand of `MEMORY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum MemoryCommand {
    Doctor,
    MallocStats,
    Purge,
    Stats,
}

/// A subcommand of `LATENCY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum LatencyCommand {
    Doctor,
    Graph,
    Histogram,
    History,
    Latest,
    Reset,
}

/// A subcommand of `SLOWLOG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum SlowlogCommand {
    Get,
    Len,
    Reset,
}

/// A subcommand of `PUBSUB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the subcommand of that name")]
pub enum PubsubCommand {
    Channels,
    Numpat,
    Numsub,
    Shardchannels,
    Shardnumsub,
}
