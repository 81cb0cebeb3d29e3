//! The API and the pages as the server has them: by which door a request came, and what needs no routing.

use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use weir_api::{AdminDoor, ClientIp, PictureDoor, PublicPages};
use weir_serve::http::paced::RequestBody;
use weir_serve::http::service::{
    ApiAnswer, ApiService, ByOperatorsDoor, ByPicturesDoor, ClientAddr,
};
use weir_serve::reply::{self, Body};

/// Every route, and beside them the public pages that are in memory, for which no route is looked for.
pub(super) struct Served {
    pub(super) router: axum::Router,
    pub(super) pages: PublicPages,
}

impl ApiService for Served {
    fn at_once(&self, head: &Parts) -> Option<Response<Body>> {
        if head.extensions.get::<ByPicturesDoor>().is_some() {
            return None;
        }
        let page = self.pages.at_once(head)?;
        Some(page.map(reply::full))
    }

    fn answer(&self, mut request: Request<RequestBody>) -> ApiAnswer {
        let extensions = request.extensions_mut();
        if let Some(client) = extensions.get::<ClientAddr>().copied() {
            extensions.insert(ClientIp(client.0.ip()));
        }
        if extensions.get::<ByOperatorsDoor>().is_some() {
            extensions.insert(AdminDoor);
        }
        if extensions.get::<ByPicturesDoor>().is_some() {
            extensions.insert(PictureDoor);
        }
        let answered = self
            .router
            .clone()
            .oneshot(request.map(axum::body::Body::new));
        Box::pin(async {
            let response = answered.await?;
            Ok(response.map(|body| body.map_err(std::io::Error::other).boxed_unsync()))
        })
    }
}
