//! Pictures that people send: taken, made anew, kept under names made of their content, and served under `/i/`.
//!
//! A picture belongs to one thing, and its id is made of that thing's too, so that taking it away takes nobody
//! else's. What belongs to whom is known by the routes of accounts and channels.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoResponses, ToSchema};
use weir_base::{Code, ids};
use weir_image::{Encoding, Kind, MAX_SENT_BYTES, Made, PictureError};
use weir_store::Objects;
use weir_store::objects::{Class, Key};

use crate::asked::{Etag, PathParts};
use crate::refused::{Problem, Refused};
use crate::state::{PictureDoor, State};

/// Where pictures are.
const PLACE: &str = "/i/";
/// Bytes of a digest that are a picture's id: nobody finds two pictures with one.
const ID_BYTES: usize = 16;
/// Bytes of a file that is served: what we make has a tenth of it.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;
/// Milliseconds after which who came at a busy moment may try again.
const AGAIN_MS: u64 = 3_000;
/// A name never has other bytes.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A JPEG, PNG, WebP or GIF file of at most 10 MiB.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(crate) struct PictureFile(pub(crate) Bytes);

/// What is said to a picture that is not taken.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) enum NoPicture {
    /// Too many bytes or pixels
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// It is no JPEG, PNG, WebP or GIF
    #[response(status = 415, content_type = "application/problem+json")]
    Format(Problem),
    /// It cannot be read, or is something else besides
    #[response(status = 422, content_type = "application/problem+json")]
    Broken(Problem),
}

impl<S: Send + Sync> FromRequest<S> for PictureFile {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.map(HeaderValue::as_bytes).unwrap_or(b"image/");
        if !kind.starts_with(b"image/") && kind != b"application/octet-stream" {
            let words =
                "the body is a picture's file, as image/jpeg, image/png, image/webp or image/gif";
            return Err(Refused::new(Code::WrongMediaType, words));
        }
        let body = Bytes::from_request(request, state).await;
        body.map(Self)
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    let most = MAX_SENT_BYTES / 1024 / 1024;
                    Refused::new(Code::TooLarge, format!("a picture has at most {most} MiB"))
                }
                _ => Refused::new(Code::BadRequest, rejection.body_text()),
            })
    }
}

/// What pictures' routes take, where others take less.
pub(crate) fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(MAX_SENT_BYTES)
}

/// Makes a picture of `whose` anew and keeps it; gives its id.
///
/// # Errors
/// What is wrong with it; 6008 where this node keeps nothing, or too many are being made.
pub(crate) async fn keep(
    state: &State,
    whose: &str,
    kind: Kind,
    file: PictureFile,
) -> Result<String, Refused> {
    let assets = state.store()?.objects(Class::Assets);
    let made = state.pictures.make(file.0, kind).await.map_err(refused)?;
    let id = id_of(whose, &made);
    for file in made {
        let key = key(&id, file.slot.width, file.encoding)?;
        if let Err(error) = assets.put(&key, file.bytes).await {
            forget(state, kind, &id).await;
            return Err(error.into());
        }
    }
    Ok(id)
}

/// Removes a picture that nothing names any more. A place that is away keeps it: what nothing names does no harm.
pub(crate) async fn forget(state: &State, kind: Kind, id: &str) {
    let Ok(store) = state.store() else { return };
    if id.is_empty() {
        return;
    }
    let assets: &Objects = store.objects(Class::Assets);
    for slot in kind.slots() {
        for encoding in Encoding::ALL {
            let gone = match key(id, slot.width, encoding) {
                Ok(key) => assets.delete(&key).await,
                Err(_) => return,
            };
            if let Err(error) = gone {
                tracing::warn!(
                    picture = id,
                    "a picture stays although nothing names it: {error}"
                );
            }
        }
    }
}

/// They, as they are served.
pub(crate) fn routes() -> Router<State> {
    Router::new().route("/i/{file}", get(serve))
}

/// Keeps the pictures' listener and the others apart, where there is one.
pub(crate) async fn at_their_door(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    let is_picture = request.uri().path().starts_with(PLACE);
    let by_door = request.extensions().get::<PictureDoor>().is_some();
    if by_door != (is_picture && state.has_picture_door) {
        let words = format!("nothing lives at {}", request.uri().path());
        return Refused::new(Code::NotFound, words).into_response();
    }
    next.run(request).await
}

async fn serve(
    Extract(state): Extract<State>,
    PathParts(file): PathParts<String>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    let (key, encoding) = named(&file)
        .ok_or_else(|| Refused::new(Code::NotFound, format!("there is no picture {file}")))?;
    let assets = state.store()?.objects(Class::Assets);
    let bytes = assets.whole(&key, MAX_FILE_BYTES).await?;
    let mut response = Etag::of(&file).answer(&asked, bytes);
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::CONTENT_TYPE, fixed(encoding.media_type()));
    headers.insert(header::CACHE_CONTROL, FOREVER);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        fixed("default-src 'none'; sandbox"),
    );
    let anywhere = http::HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(anywhere, fixed("cross-origin"));
    Ok(response)
}

/// `{id}-{width}.{extension}`, of a size that is kept.
fn named(file: &str) -> Option<(Key, Encoding)> {
    let (name, extension) = file.split_once('.')?;
    let (id, width) = name.split_once('-')?;
    let encoding = Encoding::from_extension(extension)?;
    let is_id = id.len() == ID_BYTES * 2 && id.bytes().all(|b| b"0123456789abcdef".contains(&b));
    let width: u32 = width.parse().ok()?;
    let slots = Kind::ALL.into_iter().flat_map(Kind::slots);
    let is_kept = slots.into_iter().any(|slot| slot.width == width);
    let key = key(id, width, encoding).ok()?;
    // One spelling only: `+64` and `064` are numbers too.
    let is_same = key.to_string().ends_with(file);
    (is_id && is_kept && is_same).then_some((key, encoding))
}

fn key(id: &str, width: u32, encoding: Encoding) -> Result<Key, Refused> {
    let start = id.get(..2).unwrap_or(id);
    let name = format!("i/{start}/{id}-{width}.{}", encoding.extension());
    Key::new(&name).map_err(|error| Refused::new(Code::Storage, error.to_string()))
}

/// Of whose it is and of all that was made.
fn id_of(whose: &str, made: &[Made]) -> String {
    let mut digest = Sha256::new();
    digest.update(whose);
    for file in made {
        digest.update(&file.bytes);
    }
    let digest = digest.finalize();
    ids::hex(digest.get(..ID_BYTES).unwrap_or(&digest))
}

pub(crate) fn refused(error: PictureError) -> Refused {
    let words = error.to_string();
    match error {
        PictureError::Format => Refused::new(Code::WrongMediaType, words),
        PictureError::TooLarge(_) => Refused::new(Code::TooLarge, words),
        PictureError::Broken(_) => Refused::new(Code::Unprocessable, words),
        PictureError::Busy => Refused::new(Code::Unavailable, words).retry_after_ms(AGAIN_MS),
        PictureError::Fault(why) => {
            tracing::error!("no picture can be made: {why}");
            Refused::new(Code::Unavailable, "no picture can be made here")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_one_name_and_no_other_file_is_read() {
        let id = "0123456789abcdef0123456789abcdef";
        let (key, encoding) = named(&format!("{id}-256.webp")).unwrap();
        assert_eq!(key.to_string(), format!("i/01/{id}-256.webp"));
        assert_eq!(encoding, Encoding::Webp);
        let upper = id.to_uppercase();
        for bad in [
            format!("{id}-257.webp"),
            format!("{id}-064.webp"),
            format!("{id}-+64.webp"),
            format!("{id}-64.svg"),
            format!("{id}-64.webp.jpg"),
            format!("{upper}-64.webp"),
            format!("../{id}-64.webp"),
            format!("{}-64.webp", &id[2..]),
            "..".to_owned(),
        ] {
            assert!(named(&bad).is_none(), "{bad}");
        }
    }
}
