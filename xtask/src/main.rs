//! House rules as checks: `cargo xtask tidy` reads the tree and names what breaks a rule, `cargo xtask refs`
//! writes the pages that are rendered from it.
//!
//! Only what no compiler or linter says belongs here; `make lint` runs those beside it.

mod problem;
mod read;
mod refs;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy [--lower]
       cargo xtask refs
  --lower   rewrite xtask/ratchet.txt with what has become shorter; it never adds a line";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["tidy"] => tidy::run(false),
        ["tidy", "--lower"] => tidy::run(true),
        ["refs"] => write_refs().map(|()| true),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(2)
        }
    }
}

fn write_refs() -> Result<(), String> {
    let root = read::root()?;
    refs::write(root, &read::Tree::read(root)?)
}
