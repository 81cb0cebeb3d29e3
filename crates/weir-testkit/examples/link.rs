//! The shaped link for scripts and for people: `link LISTEN TARGET`, then an order per line.
//!
//! It prints the port it listens on, answers `stats` with a line of JSON, and ends with its input.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use weir_testkit::link::{COMMANDS, Link};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, target] = arguments.as_slice() else {
        eprintln!("link LISTEN TARGET, for example link 127.0.0.1:0 127.0.0.1:8080\n{COMMANDS}");
        return ExitCode::FAILURE;
    };
    let link = Link::listen(listen, target);
    let address = link.address();
    say(address.rsplit(':').next().unwrap_or_default());
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match link.obey(&line) {
            Ok(Some(answer)) => say(&answer),
            Ok(None) => {}
            Err(words) => eprintln!("{words}"),
        }
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}
