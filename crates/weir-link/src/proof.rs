//! How nodes of one cluster prove themselves to each other: a MAC over what is asked, under the
//! cluster's secret.
//!
//! There is no time in it, because clocks of nodes may differ by an hour: who listens on the wire
//! between nodes can repeat a request, as he can see the media anyway. Use https between nodes where
//! that wire is not yours.

use weir_base::sign::{mac_hex, same_secret};
use weir_base::{Code, Refusal};

/// The scheme of the `Authorization` header: `Weir-Node {id}:{mac}`.
const SCHEME: &str = "Weir-Node ";

/// The value of `Authorization` with which the node `me` asks for `target` (path and query).
pub fn authorization(secret: &str, me: &str, target: &str) -> String {
    format!("{SCHEME}{me}:{}", mac(secret, me, target))
}

/// Whether an `Authorization` is meant to prove a node.
pub fn is_proof(authorization: &str) -> bool {
    authorization.starts_with(SCHEME)
}

/// The id of the node that asks for `target`.
///
/// # Errors
/// 1001 without a proof, 1004 with a wrong one or where the cluster has no secret.
pub fn asker(secret: &str, target: &str, authorization: Option<&str>) -> Result<String, Refusal> {
    let given = authorization.and_then(|value| value.strip_prefix(SCHEME));
    let Some((node, given)) = given.and_then(|given| given.rsplit_once(':')) else {
        let words = "this address is for nodes of the cluster";
        return Err(Refusal::new(Code::AuthMissing, words));
    };
    let wrong = |words: &'static str| Refusal::new(Code::AuthBadSignature, words);
    if secret.is_empty() {
        return Err(wrong("cluster.secret is not set here"));
    }
    if !same_secret(given, &mac(secret, node, target)) {
        return Err(wrong(
            "cluster.secret differs between this node and the asker",
        ));
    }
    Ok(node.to_owned())
}

fn mac(secret: &str, node: &str, target: &str) -> String {
    mac_hex(secret, &format!("weir-node/1\n{target}\n{node}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_the_secret_and_for_what_it_asked_alone() {
        let me = "edge-1";
        let proof = authorization("a secret of the cluster", me, "/live/x.weir?via=edge-1");
        let check = |secret, target| asker(secret, target, Some(&proof)).map_err(|r| r.code);
        let right = "/live/x.weir?via=edge-1";
        assert_eq!(check("a secret of the cluster", right), Ok(me.to_owned()));
        let wrong = Err(Code::AuthBadSignature);
        assert_eq!(check("a secret of the cluster", "/live/y.weir"), wrong);
        assert_eq!(check("another secret", right), wrong);
        assert_eq!(check("", right), wrong);
        let missing = asker("a secret of the cluster", right, None).unwrap_err();
        assert_eq!(missing.code, Code::AuthMissing);
    }
}
