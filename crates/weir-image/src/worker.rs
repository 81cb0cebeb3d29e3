//! The process that makes one picture: reads a file from standard input, answers at standard output, ends. It takes
//! its limits before the first byte.

use std::io::{self, Read as _, Write as _};

use weir_cage::{Limits, confine};

use crate::MAX_SENT_BYTES;
use crate::encode::make;
use crate::error::PictureError;
use crate::kind::Kind;
use crate::wire::write_answer;

/// The command that [`PictureMaker`](crate::PictureMaker) starts it by; the kind follows.
pub const COMMAND: &str = "make-picture";
/// Memory for what a decoder may take, the sizes, and the program itself; files for the three that it began with,
/// and what the allocator looks at.
const LIMITS: Limits = Limits {
    memory_bytes: 1024 * 1024 * 1024,
    cpu_s: 10,
    files: 8,
};

/// Makes one picture.
///
/// # Errors
/// Where it cannot be limited, or nobody reads what it says. A picture that is not taken is an answer.
pub fn run(kind: Kind) -> io::Result<()> {
    confine(LIMITS)?;
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
