//! The directives whose value is one of a few words, as enums.
//!
//! Owns the words and nothing else: which directive takes which enum stands in the table.

/// Defines an enum whose variants are the words a directive accepts, in the order Redis lists them.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// The words, in the order Redis lists them in its error text.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that names this choice in a configuration file and in `CONFIG GET`.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The choice that `word` names, in lower case.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

choice!(
    /// `loglevel`: the quietest line that is still written.
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// Rarely useful detail.
        Verbose = "verbose",
        /// What an operator wants to see in production.
        Notice = "notice",
        /// Only what needs attention.
        Warning = "warning",
    }
);

choice!(
    /// `repl-diskless-load`: how a replica takes in a snapshot.
    DisklessLoad {
        /// By way of a file.
        Disabled = "disabled",
        /// From the socket when there is no dataset to lose.
        OnEmptyDb = "on-empty-db",
        /// From the socket, keeping the old dataset until the new one is complete.
        Swapdb = "swapdb",
    }
);

choice!(
    /// `propagation-error-behavior`: what a replica does when a command of its master fails.
    PropagationError {
        /// It says so and goes on.
        Ignore = "ignore",
        /// The process ends.
        Panic = "panic",
        /// The same: only replicas are in this position here.
        PanicOnReplicas = "panic-on-replicas",
    }
);

choice!(
    /// `enable-debug-command`, `enable-protected-configs`: who may use what can harm the server.
    Access {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Connections from this host.
        Local = "local",
    }
);

choice!(
    /// `tls-auth-clients`: whether clients show a certificate.
    AuthClients {
        /// They are not asked.
        No = "no",
        /// Who shows none is refused.
        Yes = "yes",
        /// Who shows a bad one is refused.
        Optional = "optional",
    }
);
