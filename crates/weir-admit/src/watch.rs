//! Whoever may no more, goes: clients are judged again when rules tighten, and when their right ends.
//!
//! Viewers of HLS are judged with each request, so they are not looked at here.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use weir_base::{Code, Refusal};
use weir_hub::{Client, Role};

use crate::gate::Gate;

/// Between two looks at rights that end by themselves.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two times that all clients are judged: with what a snapshot takes to come this is within
/// five seconds.
const LOOKS_PER_JUDGEMENT: u32 = 2;
/// Clients taken from the hub's table at once: its lock is held for some microseconds.
const PAGE: usize = 512;

/// Judges clients of `gate`'s hub again until `stopped`.
pub async fn watch(gate: Arc<Gate>, stopped: impl Future<Output = ()>) {
    let mut tightened = gate.rulebook().tightened();
    tightened.mark_unchanged();
    let mut rested = 0;
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        gate.end_expired();
        rested += 1;
        if rested >= LOOKS_PER_JUDGEMENT && tightened.has_changed().unwrap_or(false) {
            tightened.mark_unchanged();
            rested = 0;
            gate.judge_all().await;
        }
    }
}

impl Gate {
    /// Sends away those whose right has ended by itself.
    pub(crate) fn end_expired(&self) {
        let clients = self.hub().clients();
        let now_ms = self.hub().clock().wall_ms();
        loop {
            let ended = clients.take_ended(now_ms, PAGE);
            for client in &ended {
                let right = client.right.as_ref();
                if right.is_some_and(|right| self.goes_at_its_end(&client.name, right)) {
                    let words = "what admitted this client has expired";
                    send_away(client, Refusal::new(Code::AuthExpired, words));
                }
            }
            if ended.len() < PAGE {
                return;
            }
        }
    }

    /// Sends away those who would not be let in again.
    pub(crate) async fn judge_all(&self) {
        let mut after = None;
        loop {
            let page = self.hub().clients().page(after, PAGE);
            for client in &page {
                let right = client.right.as_ref().filter(|_| client.kicked().is_none());
                let judged = right.map(|right| self.judge(client, right));
                if let Some(Err(refusal)) = judged {
                    send_away(client, refusal);
                }
            }
            let Some(last) = page.last() else { return };
            after = Some(last.id);
            tokio::task::yield_now().await;
        }
    }
}

fn send_away(client: &Client, refusal: Refusal) {
    let what = match client.role {
        Role::Publisher => "publish",
        Role::Viewer => "play",
    };
    tracing::info!(client = %client.id, stream = %client.name, what, code = refusal.code.number(), "sent away: {}", refusal.detail);
    client.kick_with(refusal);
}
