//! A disk of a few megabytes that a test fills: a file system in memory, mounted for as long as the guard lives.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Bytes written at once where much is left, and at the end.
const BLOCKS: [usize; 2] = [256 * 1024, 4096];

/// A mounted file system that is smaller than what a test writes; unmounted with the guard.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
    by_sudo: bool,
}

impl SmallDisk {
    /// A disk of `mib` MiB; none, with words, where nobody who may mount anything runs this test.
    pub fn mount(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a directory");
        let size = format!("size={mib}m,mode=0777");
        let arguments = ["-t", "tmpfs", "-o", &size, "weir-test"];
        for by_sudo in [false, true] {
            let mut mount = privileged("mount", by_sudo);
            let mount = mount
                .args(arguments)
                .arg(folder.path())
                .stderr(Stdio::null());
            if mount.status().is_ok_and(|status| status.success()) {
                return Some(Self { folder, by_sudo });
            }
        }
        eprintln!(
            "passed over: no file system can be mounted here, neither as this user nor by sudo"
        );
        None
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all room that is left.
    ///
    /// # Panics
    /// Where writing ends for another reason.
    pub fn fill(&self) {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.ballast());
        let mut file = file.expect("a name takes no room");
        for block in BLOCKS {
            let block = vec![0; block];
            loop {
                match file.write(&block) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("the disk cannot be filled: {error}"),
                }
            }
        }
    }

    /// Gives back what [`fill`](Self::fill) took.
    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("it was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may still have a file open.
        let mut umount = privileged("umount", self.by_sudo);
        let _ = umount.arg("--lazy").arg(self.folder.path()).status();
    }
}

fn privileged(program: &str, by_sudo: bool) -> Command {
    if !by_sudo {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", program]);
    command
}
