//! The same generated commands to our server and to redis-server, and what a listener hears of
//! their keys: `notify-keyspace-events` with every class there is, command by command.
//!
//! Replicas are compared, too: ours and Redis' behind the same master, and each behind a master of
//! its own kind. `REPL_TEST_EVENT_SEQUENCES` says how many sequences there are.

use std::{env, thread, time::Duration};

use libtest_mimic::Trial;

use super::{
    Step, Who,
    connection::{Body, Connection},
    draw::Draw,
    drawn, exact, steps,
};
use crate::{
    fixture::{
        server::{Kind, Server},
        wait_for,
    },
    trial,
};

const SEQUENCES: u64 = 150;
const EVERYTHING: (&str, &str) = ("notify-keyspace-events", "KEAnm");
/// What tells the events of one command from those of the next.
const MARK: &str = "mark";
const END: &str = "end";
/// Longer than the expiries that are drawn here, and than what two clocks differ by.
const PAUSE: Duration = Duration::from_millis(25);
/// Milliseconds. Redis deletes at once what it takes so long to look at.
const SHORT_LIFE: &str = "15";

pub(super) fn trials(first: u64) -> Vec<Trial> {
    let count = env::var("REPL_TEST_EVENT_SEQUENCES");
    let count = count.map_or(SEQUENCES, |text| text.parse().expect("it is set to a number"));
    let title = format!("differential: what listeners hear of the keys of {count} sequences");
    vec![trial(title, vec![Kind::Ours, Kind::Redis], move || {
        let [ours, theirs] = [Kind::Ours, Kind::Redis].map(|kind| server(kind, None));
        for master in [&ours, &theirs] {
            // A key whose time is over goes when somebody meets it: on both servers the same.
            master.client().ok("DEBUG SET-ACTIVE-EXPIRE 0");
        }
        let replicas = [(Kind::Ours, &theirs), (Kind::Redis, &theirs), (Kind::Ours, &ours)]
            .map(|(kind, master)| server(kind, Some(master)));
        for sequence in first..first + count {
            run([&ours, &theirs], replicas.each_ref(), sequence);
        }
    })]
}

fn server(kind: Kind, master: Option<&Server>) -> Server {
    let server = Server::start(kind, &[EVERYTHING]);
    if let Some(master) = master {
        server.follow(master.port());
        wait_for("a replica that is in step", || match server.info("master_link_status") {
            up if up == "up" => Ok(()),
            status => Err(status),
        });
    }
    server
}

/// # Panics
/// With the commands so far, when listeners hear different things.
fn run(masters: [&Server; 2], replicas: [&Server; 3], sequence: u64) {
    let steps = with_short_lives(sequence);
    let mut listeners = masters.map(listener);
    let mut behind = replicas.map(listener);
    for master in masters {
        perform(master, &steps);
    }
    let [ours, theirs] = listeners.each_mut().map(|listener| heard(listener, &steps));
    compare(&steps, &ours, &theirs, &format!("sequence {sequence}, masters"));
    let [ours, theirs, of_ours] = behind.each_mut().map(|listener| heard(listener, &steps));
    compare(&steps, &ours, &theirs, &format!("sequence {sequence}, replicas of one master"));
    if !steps.iter().any(is_told_otherwise) {
        compare(&steps, &of_ours, &theirs, &format!("sequence {sequence}, replicas of their own"));
    }
}

/// What is drawn elsewhere, and keys that have expired when the next command meets them.
fn with_short_lives(sequence: u64) -> Vec<Step> {
    let mut draw = Draw::of(sequence);
    let mut in_transaction = false;
    let mut all = Vec::new();
    for step in steps(&mut draw) {
        let is = |name: &str| step.who == Who::Main && step.words[0] == name.as_bytes();
        match () {
            () if is("MULTI") => in_transaction = true,
            () if is("EXEC") || is("DISCARD") => in_transaction = false,
            () => {}
        }
        // Chance decides which key is met, and whether it goes.
        if step.words[0] != b"RANDOMKEY" {
            all.push(step);
        }
        // The time that a transaction takes is none.
        if !in_transaction && draw.below(20) == 0 {
            all.push(drawn(
                &mut draw,
                Who::Main,
                &format!("PEXPIRE $key {SHORT_LIFE}"),
                &mut Vec::new(),
            ));
        }
    }
    all.push(exact("EXEC"));
    all
}

/// What replicas are told of it differs, as `docs/DEVIATIONS.md` says.
fn is_told_otherwise(step: &Step) -> bool {
    let has = |wanted: &[u8]| step.words.iter().any(|word| word.eq_ignore_ascii_case(wanted));
    let pops_many = step.words[0].eq_ignore_ascii_case(b"SPOP") && step.words.len() > 2;
    pops_many || (has(b"SORT") && has(b"STORE"))
}

fn listener(server: &Server) -> Connection {
    let mut listener = Connection::to(server.port());
    listener.ask("PSUBSCRIBE __key*@*__:*");
    listener.ask(&format!("SUBSCRIBE {MARK}"));
    listener
}

/// Everything, with a mark behind each command.
fn perform(server: &Server, steps: &[Step]) {
    let mut connections = [(); 2].map(|()| Connection::to(server.port()));
    let mut number = 0;
    for batch in steps.chunk_by(|one, next| one.who == next.who && !is_short(one)) {
        let connection = match batch[0].who {
            Who::Main => &mut connections[0],
            Who::Other => &mut connections[1],
        };
        let marks = (number..number + batch.len()).map(|number| mark(&number.to_string()));
        number += batch.len();
        let commands: Vec<Vec<Vec<u8>>> = batch
            .iter()
            .map(|step| step.words.clone())
            .zip(marks)
            .flat_map(<[_; 2]>::from)
            .collect();
        connection.ask_all(&commands.iter().map(Vec::as_slice).collect::<Vec<_>>());
        if is_short(&batch[batch.len() - 1]) {
            thread::sleep(PAUSE);
        }
    }
    connections[0].ask_all(&[&mark(END)]);
}

fn is_short(step: &Step) -> bool {
    step.words[0] == b"PEXPIRE"
        && step.words.get(2).is_some_and(|millis| millis == SHORT_LIFE.as_bytes())
}

fn mark(text: &str) -> Vec<Vec<u8>> {
    ["PUBLISH", MARK, text].map(Into::into).to_vec()
}

/// What a listener heard up to the last mark. Which keys a `SORT` looks for first, or a
/// `SCAN` meets, is left to the order of a table.
fn heard(listener: &mut Connection, steps: &[Step]) -> Vec<String> {
    let (mut heard, mut of_command): (Vec<String>, usize) = (Vec::new(), 0);
    loop {
        let message = listener.reply();
        let texts = message.items().iter().map(|item| match &item.body {
            Body::Text(text) => text.escape_ascii().to_string(),
            Body::Items(_) | Body::Nothing => format!("{item:?}"),
        });
        let texts: Vec<String> = texts.collect();
        if texts[1] == MARK && texts[2] == END {
            return heard;
        }
        let from = texts.len() - 2;
        if texts[1] == MARK {
            let step: usize = texts[2].parse().expect("a mark is the number of a command");
            let name = steps[step].words[0].to_ascii_uppercase();
            if name.starts_with(b"SORT") || name == b"SCAN" {
                heard[of_command..].sort();
            }
            of_command = heard.len() + 1;
        }
        heard.push(texts[from..].join(" "));
    }
}

fn compare(steps: &[Step], ours: &[String], theirs: &[String], what: &str) {
    let differs = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs);
    let at = differs.unwrap_or_else(|| ours.len().min(theirs.len()));
    if at == ours.len() && at == theirs.len() {
        return;
    }
    // The last command that both have finished, and what comes behind it.
    let number = ours[..at].iter().rev().find_map(|text| text.strip_prefix("mark ")?.parse().ok());
    let number = number.map_or(0, |number: usize| number + 1);
    let shown = |step: &Step| {
        let words: Vec<String> =
            step.words.iter().map(|word| word.escape_ascii().to_string()).collect();
        format!("{:?} {}", step.who, words.join(" "))
    };
    let told: Vec<String> = steps.iter().take(number + 2).map(shown).collect();
    let part = |heard: &[String]| heard[at.saturating_sub(3)..heard.len().min(at + 5)].join("\n  ");
    panic!("{what}: ours\n  {}\nredis\n  {}\nafter\n{}", part(ours), part(theirs), told.join("\n"));
}
