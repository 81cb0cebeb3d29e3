//! The drivers of a browser, `web/e2e/*.mjs`: how they are run, and what they say.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::Value;
use weir_testkit::link::Link;
use weir_testkit::tools::Tool;

use crate::kit::{build_dir, repository};

/// Runs a driver of `web/e2e`. Its lines that begin with `link ` are orders for the link, whose
/// answers it reads; its last line is its result, which has to be `ok`.
pub(crate) fn drive(script: &str, base: &str, link: Option<&Link>, arguments: &[&str]) -> Value {
    let result = try_drive(script, base, link, arguments);
    assert_eq!(result["ok"], true, "{script} {arguments:?}: {result:#}");
    result
}

/// The same, whatever the result is.
pub(crate) fn try_drive(
    script: &str,
    base: &str,
    link: Option<&Link>,
    arguments: &[&str],
) -> Value {
    let mut command = driver(script, base);
    command.args(arguments);
    if let Some(link) = link {
        command.args(["--via", &link.url(base)]);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut orders = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut last = String::new();
    for line in output.lines().map_while(Result::ok) {
        if let (Some(order), Some(link)) = (line.strip_prefix("link "), link) {
            if let Some(answer) = link.obey(order).unwrap() {
                writeln!(orders, "{answer}").unwrap();
            }
        } else {
            last = line;
        }
    }
    let _ = child.wait();
    serde_json::from_str(&last).unwrap_or_else(|error| panic!("{script}: {error}: {last:?}"))
}

fn driver(script: &str, base: &str) -> Command {
    let mut command = Tool::Node.command();
    command.arg(repository().join("web/e2e").join(script));
    command.args(["--base", base, "--stream", "a"]);
    command.arg("--browser").arg(Tool::Chromium.path().unwrap());
    command
}

pub(crate) fn screenshot(name: &str) -> String {
    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    shots.join(format!("{name}.png")).display().to_string()
}

/// A number of the result.
pub(crate) fn number(value: &Value, name: &str) -> f64 {
    value[name]
        .as_f64()
        .unwrap_or_else(|| panic!("no {name}: {value:#}"))
}
