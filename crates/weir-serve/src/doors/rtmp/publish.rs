//! Publishers: one or several on a connection, each with its own end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use weir_base::sign::Action;
use weir_base::{Code, Refusal};
use weir_hub::Protocol;
use weir_proto::rtmp::Target;

use super::{ConnectionEnd, RtmpConnection, query_of};
use crate::ingest::rtmp::RtmpPublishing;

impl RtmpConnection {
    /// Admits a publisher, and begins its stream.
    pub(super) async fn publish(&mut self, msid: u32, target: &Target) -> Option<ConnectionEnd> {
        let asked = self.asked(target, Action::Publish);
        let place = format!("{}{}", target.app, query_of(target.connect_query()));
        match RtmpPublishing::begin(&self.server.ingest, &asked, self.client, (msid, place)).await {
            Ok(publishing) => {
                self.publishing.push(publishing);
                self.has_begun = true;
                self.session.accept_publish(msid);
                None
            }
            Err(refusal) => {
                let told = (refusal.code.rtmp_publish(), "publish");
                self.refuse(msid, target, &refusal, told).await
            }
        }
    }

    /// The client is done with what it publishes on this message stream.
    pub(super) async fn unpublish(&mut self, msid: u32) {
        let mut publishing = self.publishing.iter();
        if let Some(place) = publishing.position(|publishing| publishing.msid == msid) {
            let publishing = self.publishing.swap_remove(place);
            publishing.end(Code::ClientStopped).await;
        }
    }

    /// What is published on this message stream cannot go on. Where the client does more than that it alone
    /// ends; else the connection does.
    pub(super) async fn lose(
        &mut self,
        msid: u32,
        code: Code,
        detail: &str,
    ) -> Option<ConnectionEnd> {
        let is_alone = self.publishing.len() == 1 && self.plays.is_empty();
        let mut publishing = self.publishing.iter();
        let place = publishing.position(|publishing| publishing.msid == msid)?;
        if is_alone {
            return Some(ConnectionEnd::Code(code, detail.to_owned()));
        }
        let publishing = self.publishing.swap_remove(place);
        publishing.end(code).await;
        let refusal = Refusal::new(code, detail.to_owned());
        let core = &self.server.core;
        core.refused(&refusal, Protocol::Rtmp, "publish", self.client.ip());
        let description = format!("{code}: {detail} {}", code.entry().advice);
        self.session.end_publish(msid, code.number(), &description);
        self.rest();
        self.flush().await.err()
    }

    /// This node drains: a publisher that follows such a request (Enhanced RTMP) is asked to go on at another
    /// node, and stays until it does. Others stay as long as the node does.
    pub(super) async fn ask_to_move(&mut self) -> Option<ConnectionEnd> {
        self.has_asked = true;
        let tc_url = self.publishing.first()?.successor()?;
        let words = Code::Draining.entry().message;
        if self.session.ask_to_reconnect(Some(&tc_url), words) {
            for publishing in &mut self.publishing {
                publishing.is_moving = true;
            }
        }
        self.flush().await.err()
    }
}

/// Waits until one of them has to go: its message stream, and why.
pub(super) async fn kicked(publishing: &[RtmpPublishing]) -> (u32, Refusal) {
    if let [only] = publishing {
        return (only.msid, only.kicked().await);
    }
    type Waiting<'a> = Pin<Box<dyn Future<Output = Refusal> + Send + 'a>>;
    let mut waiting: Vec<(u32, Waiting<'_>)> = publishing
        .iter()
        .map(|one| -> (u32, Waiting<'_>) { (one.msid, Box::pin(one.kicked())) })
        .collect();
    poll_fn(|cx| {
        for (msid, kicked) in &mut waiting {
            if let Poll::Ready(why) = kicked.as_mut().poll(cx) {
                return Poll::Ready((*msid, why));
            }
        }
        Poll::Pending
    })
    .await
}
