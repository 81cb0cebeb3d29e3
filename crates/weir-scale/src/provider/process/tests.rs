//! Children that are shells.

use std::path::Path;

use weir_base::Clock;

use super::*;
use crate::tests::{order, scale};

/// Runs until its pipe closes or it is told to end.
const TIED_CHILD: &str = "trap 'exit 0' TERM; echo started; while read -r _; do :; done";

struct House {
    dir: tempfile::TempDir,
    process: Process,
    tasks: Tasks,
    shutdown: Shutdown,
}

impl House {
    /// Whose children run this script; each gets ports from a range of its own.
    fn new(script: &str, first_port: u16, timeout_ms: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("[process]\nports = \"{first_port}-{}\"", first_port + 5);
        let me = Name::new("n1").unwrap();
        let args = ["-c", script, "weir"].map(Into::into).to_vec();
        let launch = Launch::new("/bin/sh".into(), args, &scale(&text), dir.path(), &me).unwrap();
        let audit = Audit::new(dir.path(), me, Clock::manual(0));
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let end_timeout = Duration::from_millis(timeout_ms);
        let process = Process::new(launch, end_timeout, audit, &tasks, &shutdown);
        Self {
            dir,
            process,
            tasks,
            shutdown,
        }
    }

    fn running(&self) -> usize {
        self.process.0.state.lock().children.len()
    }

    fn log(&self) -> String {
        read(&self.dir.path().join("scale.log"))
    }

    async fn shrink(&self, node: &str) -> Done {
        let mut order = order();
        order.node = Some(Name::new(node).unwrap());
        self.process.shrink(&order).await.unwrap()
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within five seconds: {what}");
}

#[tokio::test]
async fn a_child_has_a_home_a_log_the_secrets_and_an_end() {
    let house = House::new(TIED_CHILD, 18_400, 5_000);
    std::fs::write(house.dir.path().join("secrets.toml"), "a = 1").unwrap();
    let mut two = order();
    two.count = 2;
    let done = house.process.grow(&two).await.unwrap();
    assert_eq!(done.started, Some(2));
    assert_eq!(done.note, "auto-n1-0 auto-n1-1");
    assert_eq!(house.running(), 2);
    let auto = house.dir.path().join("auto");
    assert_eq!(read(&auto.join("auto-n1-0/secrets.toml")), "a = 1");
    until("it speaks", || {
        read(&auto.join("auto-n1-0.log")).contains("started")
    })
    .await;

    assert_eq!(house.shrink("auto-n1-0").await, Done::default());
    assert_eq!(house.running(), 1);
    assert!(
        house.log().contains("\"what\":\"stopped\""),
        "{}",
        house.log()
    );
    assert_eq!(
        house.shrink("auto-n1-0").await.note,
        "no child of this node"
    );
    house.shutdown.stop();
    house.tasks.join().await;
}

#[tokio::test]
async fn an_order_that_comes_twice_starts_nobody_twice() {
    let house = House::new(TIED_CHILD, 18_410, 5_000);
    let first = house.process.grow(&order()).await;
    assert_eq!(house.process.grow(&order()).await, first);
    assert_eq!(house.running(), 1);
    let mut other = order();
    other.id = "n1-0-2".into();
    house.process.grow(&other).await.unwrap();
    assert_eq!(house.running(), 2);
    house.shutdown.stop();
    house.tasks.join().await;
}

#[tokio::test]
async fn a_child_that_dies_is_noticed_and_its_place_is_free() {
    let house = House::new("exit 7", 18_420, 5_000);
    house.process.grow(&order()).await.unwrap();
    until("its end is noticed", || house.running() == 0).await;
    until("it is written down", || house.log().contains("died")).await;
    assert!(house.log().contains("exit status: 7"), "{}", house.log());
}

#[tokio::test]
async fn a_child_that_will_not_end_is_killed() {
    let script = "trap '' TERM; echo deaf; while :; do sleep 0.05; done";
    let house = House::new(script, 18_430, 300);
    house.process.grow(&order()).await.unwrap();
    let log = house.dir.path().join("auto/auto-n1-0.log");
    until("it runs", || read(&log).contains("deaf")).await;
    house.shrink("auto-n1-0").await;
    assert_eq!(house.running(), 0);
    assert!(house.log().contains("killed"), "{}", house.log());
}

#[tokio::test]
async fn children_end_by_themselves_when_the_pipe_closes() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("ended");
    let script = format!("while read -r _; do :; done; echo so > {}", mark.display());
    let house = House::new(&script, 18_440, 5_000);
    house.process.grow(&order()).await.unwrap();
    house.shutdown.stop();
    house.tasks.join().await;
    until("the child ends", || read(&mark).contains("so")).await;
}

#[tokio::test]
async fn a_child_that_another_leader_has_emptied_is_stopped_by_its_parent() {
    let house = House::new(TIED_CHILD, 18_450, 5_000);
    house.process.grow(&order()).await.unwrap();
    let name = |text| Name::new(text).unwrap();
    assert!(house.process.may_remove(&name("auto-n2-0")) && !house.process.may_remove(&name("n2")));
    house.process.tend(&[name("auto-n2-0")]);
    assert_eq!(house.running(), 1);
    house.process.tend(&[name("auto-n1-0")]);
    until("it is stopped", || house.running() == 0).await;
}

#[tokio::test]
async fn when_there_is_no_room_the_order_fails_and_may_be_tried_again() {
    let house = House::new(TIED_CHILD, 18_460, 5_000);
    let mut many = order();
    many.count = 9;
    let done = house.process.grow(&many).await.unwrap();
    assert_eq!(done.started, Some(3));
    assert!(done.note.contains("no two free ports"), "{}", done.note);
    let mut one = order();
    one.id = "n1-0-2".into();
    assert!(house.process.grow(&one).await.unwrap_err().again);
    house.shutdown.stop();
    house.tasks.join().await;
}
