//! Who answers what admission has to ask: on a node with a store that node itself, elsewhere an api node.

use std::sync::Arc;
use std::time::Duration;

use weir_admit::consult::{Advised, Consult, NoAdvice, Question};
use weir_api::{ConsultAnswer, ConsultDesk, ConsultQuestion, Happenings};
use weir_hook::AdmissionAsker;
use weir_link::dial::Dialer;
use weir_link::walk::{AnyNode, WalkRequest};
use weir_serve::Core;

use super::cluster::Joined;
use super::control::Control;
use super::gate::Entrance;
use super::happenings::{any_api_node, client};
use crate::config::Config;

/// For an api node's answer: what the admission waits for at all ends a little later.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(1_450);
/// Bytes of an answer.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// On a node with a store: who answers.
pub(super) fn answer(
    config: &Config,
    entrance: &Entrance,
    happenings: Option<&Happenings>,
    control: &Control,
    core: &Core,
) -> Option<Arc<dyn Consult>> {
    let (happenings, accounts) = (happenings?, control.accounts()?);
    let clock = core.hub.clock().clone();
    let http = client(core, Dialer::over_weak_networks());
    Some(Arc::new(ConsultDesk::new(
        happenings.store.clone(),
        accounts,
        entrance.gate().rulebook().clone(),
        AdmissionAsker::new(http, clock, &config.hooks),
    )))
}

/// Whom this node's gate asks; none where it is alone and without a store.
pub(super) fn asked(
    own: Option<Arc<dyn Consult>>,
    joined: &Joined,
    core: &Core,
) -> Option<Arc<dyn Consult>> {
    let is_alone = joined.node.settings().is_alone;
    own.or_else(|| {
        (!is_alone).then(|| Arc::new(AskedNodes(any_api_node(joined, core))) as Arc<dyn Consult>)
    })
}

/// An api node of the cluster, over HTTP.
struct AskedNodes(AnyNode);

impl Consult for AskedNodes {
    fn ask<'a>(&'a self, question: Question<'a>) -> Advised<'a> {
        Box::pin(async move {
            let away = |words: String| {
                tracing::warn!("an admission cannot be asked about: {words}");
                NoAdvice::Away
            };
            let (path, asked) = (ConsultQuestion::PATH, ConsultQuestion::of(&question));
            let request = WalkRequest::tell(path, &asked, ANSWER_TIMEOUT, MAX_ANSWER_BYTES);
            let request = request.map_err(|error| away(error.to_string()))?;
            let answer = self.0.ask(&request).await;
            let answer = answer.map_err(|error| away(error.to_string()))?;
            let answer: ConsultAnswer =
                serde_json::from_slice(&answer.body).map_err(|error| away(error.to_string()))?;
            answer.advice()
        })
    }
}
