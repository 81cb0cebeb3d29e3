//! The door of routes that not everybody may use: who it is, whether a page of this site asks, whether it may,
//! and how often. What is enforced is what the document says, since one call does both.

use axum::extract::{Request, State as Extract};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderValue, Uri, header};
use utoipa::openapi::SecurityRequirement;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa_axum::router::OpenApiRouter;
use weir_base::Code;
use weir_hub::Protocol;

use crate::caller::{Caller, Means, identify};
use crate::idempotent;
use crate::limiter::{self, RateClass, Who};
use crate::openapi::{NODE_SCHEME, RIGHT, SESSION_SCHEME, TOKEN_SCHEME, operations};
use crate::refused::Refused;
use crate::same_site;
use crate::state::{AdminDoor, State};
use weir_account::{DoorOf, Right};

#[derive(Clone)]
struct Guard {
    state: State,
    right: Right,
}

/// Lets only those through to `routes` who have `right`, and says so in the document.
pub(crate) fn guarded(
    mut routes: OpenApiRouter<State>,
    state: &State,
    right: Right,
) -> OpenApiRouter<State> {
    let schemes = [TOKEN_SCHEME, SESSION_SCHEME].into_iter();
    let node = Right::OF_NODES.contains(&right).then_some(NODE_SCHEME);
    let security: Vec<_> = schemes
        .chain(node)
        .map(|scheme| SecurityRequirement::new(scheme, [right.name()]))
        .collect();
    for (_, operation) in operations(routes.get_openapi_mut()) {
        operation.security = Some(security.clone());
        let said = ExtensionsBuilder::new().add(RIGHT, right.name()).build();
        operation.extensions.get_or_insert_default().merge(said);
    }
    let guard = Guard {
        state: state.clone(),
        right,
    };
    routes.route_layer(from_fn_with_state(guard, check))
}

/// For what is no part of the API and only operators should see: 404 where they have a listener of their own
/// and this is another.
pub(crate) async fn at_admin_door(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    if is_elsewhere(&state, request.extensions()) {
        return nothing_at(request.uri()).into_response();
    }
    next.run(request).await
}

async fn check(Extract(guard): Extract<Guard>, request: Request, next: Next) -> Response {
    let Guard { state, right } = guard;
    let (head, body) = request.into_parts();
    let caller = match admit(&state, right, &head).await {
        Ok(caller) => caller,
        Err(refused) => {
            state.hub.counters().code(refused.code(), Protocol::Api);
            return refused.into_response();
        }
    };
    let mut request = Request::from_parts(head, body);
    // What operators' and nodes' own tools do is not counted.
    let counted = match caller.means {
        Means::AdminToken | Means::Node => None,
        Means::Cookie | Means::Token | Means::ApiKey => Some(Who::Account(caller.name.clone())),
    };
    request.extensions_mut().insert(caller.clone());
    let class = RateClass::of(request.method());
    let answer = |request| idempotent::once(state.clone(), caller, request, next);
    let mut response = match counted {
        Some(who) => limiter::count(&state, class, who, request, answer).await,
        None => answer(request).await,
    };
    // It is for whoever asked, and may be about them: no browser and nothing between keeps it.
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn admit(state: &State, right: Right, head: &Parts) -> Result<Caller, Refused> {
    if right.door() == DoorOf::Admin && is_elsewhere(state, &head.extensions) {
        return Err(nothing_at(&head.uri));
    }
    let known = match identify(state, head).await {
        Ok(Some(caller)) => caller,
        refused => {
            // Whoever guesses is counted by where from.
            limiter::take(
                state,
                RateClass::of(&head.method),
                Who::of(&head.extensions),
            )?;
            return Err(refused.err().unwrap_or(Code::SignedOut.into()));
        }
    };
    let may = same_site::check(&known, head).and_then(|()| known.require(right));
    if let Err(refused) = may {
        // Whoever tries doors is counted too, and told of.
        let who = Who::Account(known.name.clone());
        limiter::take(state, RateClass::of(&head.method), who)?;
        tracing::info!(target: "audit", who = known.name, code = refused.code().number(),
            path = head.uri.path(), "a right was refused: {}", right.name());
        return Err(refused);
    }
    Ok(known)
}

/// Whether operators have a listener of their own, and a request came by another.
pub(crate) fn is_elsewhere(state: &State, extensions: &Extensions) -> bool {
    state.has_admin_door && extensions.get::<AdminDoor>().is_none()
}

/// Said as of any path that is nothing.
fn nothing_at(uri: &Uri) -> Refused {
    Refused::new(Code::NotFound, format!("nothing lives at {}", uri.path()))
}
