//! Configuration: whatever a file, a command line or `CONFIG SET` says is taken or refused, never
//! more; and what `CONFIG GET` shows of it is taken again and shows the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repl_core::base::config::{Config, When};
use repl_server::{
    args,
    config_file::{self, Origin},
};

fuzz_target!(|data: &[u8]| {
    // A file that includes another one is about the disk.
    if data.to_ascii_lowercase().windows(7).any(|word| word == b"include") {
        return;
    }
    let mut config = Config::default();
    // A refusal is as good as an answer; what came before it counts.
    let _refused = config_file::load_text(&mut config, &Origin::File, data);
    let words: Vec<Vec<u8>> = data.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    let _request = args::parse(&words);
    let pairs: Vec<(&[u8], &[u8])> = words
        .chunks_exact(2)
        .filter_map(|pair| Some((pair.first()?.as_slice(), pair.get(1)?.as_slice())))
        .collect();
    let _refused = config.set_running(&pairs);
    shows_what_it_takes(&config);
});

fn shows_what_it_takes(config: &Config) {
    let mut again = Config::default();
    for directive in Config::directives() {
        let name = directive.names().next().expect("a directive has a name").as_bytes();
        let shown = config.value(name).expect("a directive has a value");
        // What only one value is accepted for shows that value; an empty text shows as empty.
        if again.value(name).as_deref() == Some(&shown) {
            continue;
        }
        again
            .set(name, &[shown.as_bytes()], When::Boot)
            .unwrap_or_else(|error| panic!("{shown:?} is shown and not taken: {error}"));
        assert_eq!(again.value(name).as_deref(), Some(shown.as_str()));
    }
}
