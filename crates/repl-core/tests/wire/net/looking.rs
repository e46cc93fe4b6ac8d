//! What tests look at in a node, and the inputs that no peer sends.

use repl_core::{
    Node,
    base::config::{Config, ConfigError},
    io::{Decision, Input, Signal},
    node::ReplicationView,
};

use super::{Host, Net};

impl Net {
    pub(super) fn host_at(&self, name: &str) -> usize {
        let at = self.hosts.iter().position(|host| host.name == name);
        at.unwrap_or_else(|| panic!("there is no node {name}"))
    }

    pub(super) fn host(&self, name: &str) -> &Host {
        &self.hosts[self.host_at(name)]
    }

    /// The node called `name`.
    pub(crate) fn node(&self, name: &str) -> &Node {
        &self.host(name).node
    }

    /// Where the node is in its history.
    pub(crate) fn view(&self, name: &str) -> ReplicationView {
        self.node(name).replication()
    }

    /// The log so far, a line each.
    pub(crate) fn log(&self, name: &str) -> String {
        self.host(name).log.join("\n")
    }

    /// The status with which the node asked its process to end.
    pub(crate) fn exit(&self, name: &str) -> Option<i32> {
        self.host(name).exit
    }

    /// The operator asks the node to end.
    pub(crate) fn terminate(&mut self, name: &str) {
        self.input(name, Input::Terminate(Signal::Terminate));
        self.settle();
    }

    /// Hands a node an input that no peer sends.
    pub(crate) fn input(&mut self, name: &str, input: Input<'_>) {
        let at = self.host_at(name);
        self.handle(at, input);
    }

    /// What the node wants its configuration file to say, and what it hears of that.
    pub(crate) fn rewrite_config(&mut self, name: &str, outcome: Result<(), String>) -> Config {
        let at = self.host_at(name);
        let (asker, config) = self.hosts[at].rewrites.remove(0);
        self.handle(at, Input::ConfigRewritten { asker, outcome });
        self.settle();
        *config
    }

    /// What the node wants of its host, which answers with what `apply` makes of it.
    pub(crate) fn apply_config(
        &mut self,
        name: &str,
        apply: impl FnOnce(&mut Config) -> Result<(), ConfigError>,
    ) {
        let at = self.host_at(name);
        let mut change = Box::new(self.hosts[at].changes.remove(0));
        let outcome = apply(&mut change.config);
        self.handle(at, Input::ConfigApplied { change, outcome });
        self.settle();
    }

    /// What the node's replicas asked for and got, in order.
    pub(crate) fn decisions(&self, name: &str) -> &[Decision] {
        &self.host(name).decisions
    }

    /// Demands that these nodes are the same: id, offset, dataset, and every byte that two of them
    /// keep.
    pub(crate) fn assert_same(&self, names: &[&str]) {
        let (first, rest) = names.split_first().expect("there are nodes to compare");
        let (node, view) = (self.node(first), self.view(first));
        for name in rest {
            let (other, seen) = (self.node(name), self.view(name));
            assert_eq!(seen.replid, view.replid, "replid of {name} and {first}");
            assert_eq!(seen.offset, view.offset, "offset of {name} and {first}");
            assert_eq!(other.dataset_hash(), node.dataset_hash(), "dataset of {name} and {first}");
            if let (Some((a, _)), Some((b, _))) = (view.backlog, seen.backlog) {
                let from = a.max(b);
                let bytes = [node, other].map(|node| node.backlog_bytes(from).concat());
                assert_eq!(bytes[0], bytes[1], "bytes of {name} and {first} from {from}");
            }
        }
    }
}
