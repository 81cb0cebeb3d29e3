//! House rules as checks: `cargo xtask tidy` reads the tree and names what breaks a rule.
//!
//! Only what no compiler or linter says belongs here; `make lint` runs those beside it.

mod tidy;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy [--lower]
  --lower   rewrite xtask/ratchet.txt with what has become shorter; it never adds a line";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let lower = match args.as_slice() {
        ["tidy"] => false,
        ["tidy", "--lower"] => true,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match tidy::run(lower) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tidy: {error}");
            ExitCode::from(2)
        }
    }
}
