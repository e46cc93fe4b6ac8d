//! **Absolute propagation**: no command in any history says when a key expires relative to the time
//! it is applied: such a command means another deadline on every node and at every replay.
//!
//! Premise: commands read.

use super::{Broken, stream::Command};

pub(super) const NAME: &str = "absolute-expiry";

#[derive(Debug, Default)]
pub(super) struct AbsoluteExpiry {
    pub(super) premise_count: u64,
}

impl AbsoluteExpiry {
    pub(super) fn check(&mut self, command: &Command<'_>) -> Result<(), Broken> {
        self.premise_count += 1;
        let relative_name =
            ["expire", "pexpire", "setex", "psetex"].iter().any(|name| command.is(name));
        let options = command.words.get(3..).unwrap_or_default();
        let relative_option = (command.is("set") || command.is("getex"))
            && options.iter().any(|option| {
                option.eq_ignore_ascii_case(b"ex") || option.eq_ignore_ascii_case(b"px")
            });
        if !relative_name && !relative_option {
            return Ok(());
        }
        let words = command.words.iter();
        let text: Vec<String> = words.map(|word| word.escape_ascii().to_string()).collect();
        Err(Broken {
            property: NAME,
            expected: format!("an absolute expiry at byte {} of {:?}", command.at, command.owner),
            actual: text.join(" "),
        })
    }
}

#[cfg(test)]
mod tests {
    use repl_core::base::ids::ReplId;

    use super::*;

    fn check(words: &[&str]) -> Result<(), &'static str> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let command = Command { owner: ReplId::NONE, at: 1, end: 9, words: &words };
        AbsoluteExpiry::default().check(&command).map_err(|broken| broken.property)
    }

    #[test]
    fn absolute_commands_pass() {
        assert_eq!(check(&["SET", "k", "v", "PXAT", "1700000000000"]), Ok(()));
        assert_eq!(check(&["SET", "k", "ex"]), Ok(()));
        assert_eq!(check(&["PEXPIREAT", "k", "1700000000000"]), Ok(()));
    }

    #[test]
    fn relative_commands_are_found_in_any_case() {
        assert_eq!(check(&["set", "k", "v", "Px", "10"]), Err(NAME));
        assert_eq!(check(&["Expire", "k", "10"]), Err(NAME));
    }
}
