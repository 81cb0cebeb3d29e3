//! What can be typed while the cluster runs. Words in, orders out.

/// Something to do to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// SIGKILL: it falls dead.
    Kill,
    /// SIGTERM: it drains and goes.
    Stop,
    /// SIGSTOP: it stands still.
    Pause,
    /// SIGCONT: it goes on.
    Resume,
    /// Start it again.
    Start,
}

/// A line understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConsoleCommand {
    /// Do this to the child of this name.
    Do(Deed, String),
    /// Say who runs.
    List,
    /// Say what can be typed.
    Help,
    /// End everything.
    Quit,
    /// Nothing was typed.
    Nothing,
}

/// What can be typed.
pub(super) const HELP: &str = "kill NAME (falls dead)   stop NAME (drains)   pause NAME   resume NAME   \
                               start NAME   list   quit";

/// Reads one line.
///
/// # Errors
/// Says what could have been typed.
pub(super) fn read(line: &str) -> Result<ConsoleCommand, String> {
    let mut words = line.split_whitespace();
    let Some(verb) = words.next() else {
        return Ok(ConsoleCommand::Nothing);
    };
    let deed = match verb {
        "kill" => Deed::Kill,
        "stop" => Deed::Stop,
        "pause" => Deed::Pause,
        "resume" => Deed::Resume,
        "start" => Deed::Start,
        "list" | "ls" => return Ok(ConsoleCommand::List),
        "help" | "?" => return Ok(ConsoleCommand::Help),
        "quit" | "exit" | "q" => return Ok(ConsoleCommand::Quit),
        _ => return Err(format!("{verb:?} is none of: {HELP}")),
    };
    match words.next() {
        Some(name) => Ok(ConsoleCommand::Do(deed, name.to_owned())),
        None => Err(format!("{verb} whom? `list` names them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_names_its_child() {
        assert_eq!(
            read("  kill  origin-1 "),
            Ok(ConsoleCommand::Do(Deed::Kill, "origin-1".into()))
        );
        assert_eq!(
            read("resume redis"),
            Ok(ConsoleCommand::Do(Deed::Resume, "redis".into()))
        );
        assert!(read("kill").is_err());
    }

    #[test]
    fn an_empty_line_does_nothing_and_an_unknown_word_says_what_is_known() {
        assert_eq!(read(" \t"), Ok(ConsoleCommand::Nothing));
        assert!(read("explode edge-1").unwrap_err().contains("kill NAME"));
    }
}
