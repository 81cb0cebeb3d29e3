//! The process that makes one picture: reads a file from standard input, answers at standard output, ends. It takes
//! its limits before the first byte.

use std::io::{self, Read as _, Write as _};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::MAX_SENT_BYTES;
use crate::encode::make;
use crate::error::PictureError;
use crate::kind::Kind;
use crate::wire::write_answer;

/// The command that [`PictureMaker`](crate::PictureMaker) starts it by; the kind follows.
pub const COMMAND: &str = "make-picture";
/// Bytes of memory, all told: what a decoder may take, the sizes, and the program itself.
const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
/// Seconds of work.
const CPU_SECONDS: u64 = 10;
/// Files that are open: the three that it began with, and what the allocator looks at.
const FILES: u64 = 8;

/// Makes one picture.
///
/// # Errors
/// Where it cannot be limited, or nobody reads what it says. A picture that is not taken is an answer.
pub fn run(kind: Kind) -> io::Result<()> {
    limit_myself()?;
    let mut file = Vec::new();
    let most = u64::try_from(MAX_SENT_BYTES).unwrap_or(u64::MAX);
    io::stdin().lock().take(most + 1).read_to_end(&mut file)?;
    let made = match file.len() > MAX_SENT_BYTES {
        true => Err(PictureError::TooLarge("too many bytes".into())),
        false => make(&file, kind),
    };
    let mut out = io::stdout().lock();
    out.write_all(&write_answer(&made))?;
    out.flush()
}

fn limit_myself() -> io::Result<()> {
    let limits = [
        (Resource::As, MEMORY_BYTES),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Nofile, FILES),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        let both = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, both)?;
    }
    Ok(())
}
