//! Facts that nobody has written down yet: in memory, and in a file once they have to wait.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::PathBuf;

use crate::report::Told;

/// Facts that wait: hours of a busy node without an api node, some 20 MB.
const MAX_TOLD: usize = 50_000;
/// Facts that wait before those are left out that the next of their kind make up for.
const MANY_TOLD: usize = 1_000;
/// Bytes of the file that are read at the start: what that many facts take.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A file of lines, bounded, that outlives the process.
#[derive(Debug)]
pub(crate) struct Spool {
    waiting: VecDeque<Told>,
    file: PathBuf,
    /// The file has all that wait, and perhaps some that did.
    is_kept: bool,
    /// There is a file, whatever it has.
    is_there: bool,
    /// Facts that found no place.
    pub(crate) lost: u64,
}

impl Spool {
    /// With what an earlier life of the node left in `file`.
    pub(crate) fn open(file: PathBuf) -> Self {
        let mut spool = Self {
            waiting: VecDeque::new(),
            is_kept: file.exists(),
            is_there: file.exists(),
            file,
            lost: 0,
        };
        if spool.is_kept {
            match spool.read() {
                Ok(waiting) => {
                    spool.waiting = waiting;
                    // The next line would go on where the last one was cut off.
                    if let Err(error) = spool.write_all() {
                        spool.give_up_file(&error);
                    }
                }
                Err(error) => {
                    tracing::error!(file = %spool.file.display(), "what was not yet written down cannot be read: {error}");
                }
            }
        }
        spool
    }

    /// One more, behind all others. The oldest go where there is no place.
    pub(crate) fn push(&mut self, told: Told) {
        if self.waiting.len() >= MAX_TOLD {
            self.waiting.pop_front();
            self.lost += 1;
            if self.lost.is_power_of_two() {
                tracing::error!(
                    lost = self.lost,
                    "no api node writes down what happens here, and there is no more place for it"
                );
            }
        }
        if self.is_kept
            && let Err(error) = self.append(&told)
        {
            self.give_up_file(&error);
        }
        self.waiting.push_back(told);
    }

    /// One more that the next of its kind makes up for: where many wait already it is left out.
    pub(crate) fn push_passing(&mut self, told: Told) {
        if self.waiting.len() < MANY_TOLD {
            self.push(told);
        }
    }

    /// The next facts, at most `limit`, and whether that is all.
    pub(crate) fn front(&self, limit: usize) -> (Vec<Told>, bool) {
        let front: Vec<Told> = self.waiting.iter().take(limit).cloned().collect();
        let is_all = front.len() == self.waiting.len();
        (front, is_all)
    }

    /// Those are written down: the first ones, as [`front`](Self::front) gave them.
    pub(crate) fn written(&mut self, told: &[Told]) {
        for fact in told {
            // Those that found no place meanwhile are gone already.
            if self.waiting.front() == Some(fact) {
                self.waiting.pop_front();
            }
        }
        if self.waiting.is_empty() && self.is_there {
            self.is_kept = false;
            match std::fs::remove_file(&self.file) {
                Ok(()) => self.is_there = false,
                Err(error) => {
                    tracing::warn!(file = %self.file.display(), "cannot be removed: {error}");
                }
            }
        }
    }

    /// They have to wait: kept on the disk, so that they outlive this process.
    pub(crate) fn keep(&mut self) {
        if self.is_kept || self.waiting.is_empty() {
            return;
        }
        self.is_kept = true;
        if let Err(error) = self.write_all() {
            self.give_up_file(&error);
        }
    }

    /// Beside the file, and then in its place: a disk that is full takes nothing of what was there.
    fn write_all(&mut self) -> std::io::Result<()> {
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut lines = Vec::new();
        for told in &self.waiting {
            serde_json::to_writer(&mut lines, told)?;
            lines.push(b'\n');
        }
        let beside = self.file.with_extension("new");
        let written =
            std::fs::write(&beside, lines).and_then(|()| std::fs::rename(&beside, &self.file));
        match written {
            Ok(()) => self.is_there = true,
            Err(_) => drop(std::fs::remove_file(&beside)),
        }
        written
    }

    fn append(&self, told: &Told) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(told)?;
        line.push(b'\n');
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&self.file)?;
        file.write_all(&line)
    }

    fn read(&self) -> std::io::Result<VecDeque<Told>> {
        let bytes = std::fs::metadata(&self.file)?.len();
        if bytes > MAX_FILE_BYTES {
            let words = format!("{bytes} bytes are more than {MAX_FILE_BYTES}");
            return Err(std::io::Error::other(words));
        }
        let text = std::fs::read_to_string(&self.file)?;
        // A line that was cut off by the end of the process is left out.
        let told = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|told| *told != Told::Newer);
        Ok(told.take(MAX_TOLD).collect())
    }

    fn give_up_file(&mut self, error: &std::io::Error) {
        self.is_kept = false;
        tracing::error!(file = %self.file.display(), "what is not yet written down is in memory alone: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ToldEnd;

    fn told(at_ms: i64) -> Told {
        let id = "019f0000-0000-7000-8000-000000000000".parse().unwrap();
        Told::Ended(ToldEnd {
            event: id,
            session: id,
            started_ms: 0,
            at_ms,
            app: "live".to_owned(),
            stream: "live/a".to_owned(),
            protocol: "rtmp".to_owned(),
            address: String::new(),
            cause: 4001,
            viewers_max: 0,
            bytes_in: 0,
            bytes_out: 0,
        })
    }

    #[test]
    fn what_had_to_wait_is_there_after_a_restart_and_goes_when_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("spool/told.jsonl");
        let mut spool = Spool::open(file.clone());
        spool.push(told(1));
        assert!(!file.exists(), "nothing waits long");
        spool.keep();
        spool.push(told(2));
        drop(spool);
        // A process that is killed may leave half a line.
        let mut cut = std::fs::read(&file).unwrap();
        cut.extend_from_slice(b"{\"what\":\"en");
        std::fs::write(&file, cut).unwrap();

        let mut spool = Spool::open(file.clone());
        assert_eq!(spool.front(1), (vec![told(1)], false));
        spool.push(told(3));
        let (all, is_all) = spool.front(9);
        assert!(is_all);
        assert_eq!(all.len(), 3);
        spool.written(&all[..1]);
        assert!(file.exists());
        spool.written(&all[1..]);
        assert!(!file.exists());
        assert_eq!(spool.front(9), (vec![], true));
    }

    #[test]
    fn a_disk_that_is_full_keeps_what_it_had_and_gets_the_rest_when_there_is_room() {
        let Some(disk) = weir_testkit::small_disk::SmallDisk::mount(1) else {
            return;
        };
        let file = disk.path().join("spool/told.jsonl");
        let mut spool = Spool::open(file.clone());
        spool.push(told(1));
        spool.keep();
        disk.fill();
        // A line or two may still fit behind the first.
        for at_ms in 2..1000 {
            spool.push(told(at_ms));
            spool.keep();
        }
        let kept = Spool::open(file.clone()).front(2000).0;
        assert_eq!(kept.first(), Some(&told(1)));
        assert!(kept.len() < 999, "the disk was not full");
        disk.free();
        spool.keep();
        let (all, is_all) = Spool::open(file.clone()).front(2000);
        assert!(is_all && all.len() == 999, "{}", all.len());
        spool.written(&all);
        assert!(!file.exists());
    }

    #[test]
    fn without_place_the_oldest_goes_and_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path().join("told"));
        let count = i64::try_from(MAX_TOLD).unwrap();
        for at_ms in 0..=count {
            spool.push(told(at_ms));
        }
        assert_eq!((spool.lost, spool.waiting.len()), (1, MAX_TOLD));
        let (sent, _) = spool.front(2);
        spool.push(told(count + 1));
        spool.written(&sent);
        assert_eq!(spool.front(1).0, [told(3)], "none is taken for another");
    }
}
