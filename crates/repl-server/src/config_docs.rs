//! `docs/CONFIG.md` is the table of directives in print. This test keeps it so; with
//! `UPDATE_DOCS=1` in the environment it writes the file instead.

use std::{fmt::Write as _, fs, path::Path};

use repl_core::base::config::{Change, Config, Directive, Effect};

const INTRODUCTION: &str = "\
# Configuration

Directives have the names, defaults, ranges and error texts of Redis 7.0.15. They are read from a
file, from the command line (`--name value`), and by `CONFIG SET`; `CONFIG GET` shows them. This
page is printed from the table in `crates/repl-core/src/base/config/table`: after a change there,
run `UPDATE_DOCS=1 cargo test -p repl-server config_docs`.

*Changes* says when a directive may be set: `running` means also by `CONFIG SET`, `protected` means
so only with `enable-protected-configs yes`. Those of the last section are checked, kept and shown,
and **have no effect**: the server says so in its log when one is set.

Two lines of a file are no directives: `user` declares a user, and `rename-command OLD NEW` has a
command be called otherwise, or, if NEW is empty, not at all.

Where this differs from Redis on purpose:

- `port`, `tls-port` and `bind` cannot be changed while the server runs.
- What the server cannot do (`appendonly yes`, `daemonize yes`, cluster mode, ACL files) is refused.
- Values must be valid UTF-8.
- Files that include each other without end are refused; Redis 7.0 crashes.
- An error in an included file names that file and its line; one on the command line counts the
  options.
- A rewritten file keeps the `n` of `notify-keyspace-events` beside `A`; Redis 7.0 loses it.
- Log lines show UTC.
";

#[test]
fn the_page_is_the_table_in_print() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIG.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page).expect("docs/ is writable");
        return;
    }
    let written = fs::read_to_string(&path).expect("docs/CONFIG.md exists");
    assert!(written == page, "run `UPDATE_DOCS=1 cargo test -p repl-server config_docs`");
}

fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    for (title, effect) in [
        ("Acted on by the node", Effect::Node),
        ("Acted on by the process around it", Effect::Server),
        ("Acted on by the process around it, which may refuse", Effect::Host),
        ("Without effect", Effect::Inert),
    ] {
        let _ = write!(
            page,
            "\n## {title}\n\n| Directive | Default | Changes | |\n|---|---|---|---|\n"
        );
        for directive in Config::directives().filter(|directive| directive.effect == effect) {
            page.push_str(&row(directive));
        }
    }
    page
}

fn row(directive: &Directive) -> String {
    let alias = directive.alias.map(|alias| format!(" (`{alias}`)")).unwrap_or_default();
    let default = Config::default().value(directive.name.as_bytes()).unwrap_or_default();
    let default = if default.is_empty() { "empty".into() } else { format!("`{default}`") };
    let change = match directive.change {
        Change::Running => "running",
        Change::Boot => "boot",
        Change::Protected => "protected",
    };
    format!("| `{}`{alias} | {default} | {change} | {} |\n", directive.name, directive.doc)
}
