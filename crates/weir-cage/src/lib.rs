//! What a process gives up before it reads strangers' bytes: memory and time without end, files to write, the
//! network, and other processes. What is given up stays so for whatever program it becomes.
//!
//! Decoders of pictures are attacked with pictures. Who decodes is a process that may die, and that can do no more
//! than answer on the pipe that it was started with.

use std::collections::BTreeMap;
use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// What a process may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of memory, all told: what a decoder takes, and the program itself with its libraries.
    pub memory_bytes: u64,
    /// Seconds of work, from its start on.
    pub cpu_s: u64,
    /// Files that are open at once, the three that it began with among them.
    pub files: u64,
}

/// Calls that are refused with EPERM: the network, other processes, and ways around what is given up.
const REFUSED: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_io_uring_setup,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
];

/// The first file that no program begins with.
const FIRST_OTHER_FILE: i32 = 3;

/// Takes the limits, writes no files and leaves no core from here on, has no network, and takes none of its open files
/// along but the first three when it becomes another program.
///
/// # Errors
/// Where the system does not take one of them: then nothing of a stranger's should be read.
pub fn confine(limits: Limits) -> io::Result<()> {
    let all = [
        (Resource::As, limits.memory_bytes),
        (Resource::Cpu, limits.cpu_s),
        (Resource::Nofile, limits.files),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ];
    for (resource, most) in all {
        let both = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, both)?;
    }
    // Whoever started this program may have left files open in it.
    close_fds::set_fds_cloexec(FIRST_OTHER_FILE, &[]);
    refuse_calls()
}

fn refuse_calls() -> io::Result<()> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let rules: BTreeMap<i64, _> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch);
    let program: BpfProgram = filter
        .and_then(TryInto::try_into)
        .map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    /// The filter holds for the thread that took it, which ends with the test.
    #[test]
    fn who_gave_the_network_up_opens_no_socket() {
        let confined = std::thread::scope(|scope| {
            let within = || {
                UdpSocket::bind("127.0.0.1:0")?;
                refuse_calls()?;
                Ok::<_, io::Error>(UdpSocket::bind("127.0.0.1:0").map(|_| ()))
            };
            scope.spawn(within).join().unwrap()
        });
        let error = confined.unwrap().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert!(UdpSocket::bind("127.0.0.1:0").is_ok(), "others keep it");
    }
}
