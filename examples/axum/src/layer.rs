//! A tower layer that keeps whole responses of GET requests in a tier.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use cachette::tier::{Keep, Source, Tier};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::{Layer, Service, ServiceExt};

/// See the module.
#[derive(Clone)]
pub struct CacheLayer {
    tier: Tier,
    keep: Keep,
}

impl CacheLayer {
    pub fn new(tier: Tier, keep: Keep) -> Self {
        Self { tier, keep }
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cached<S>;

    fn layer(&self, inner: S) -> Cached<S> {
        Cached { inner, tier: self.tier.clone(), keep: self.keep.clone() }
    }
}

#[derive(Clone)]
pub struct Cached<S> {
    inner: S,
    tier: Tier,
    keep: Keep,
}

/// A response as it is kept: its type in the first line, then its body. What is no success is not kept.
fn pack(kind: &HeaderValue, body: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), b"\n", body].concat()
}

fn unpack(packed: &[u8], source: Source) -> Option<Response<Body>> {
    let end = packed.iter().position(|byte| *byte == b'\n')?;
    let (kind, body) = packed.split_at(end);
    let from = if matches!(source, Source::L1 | Source::L2) { "hit" } else { "miss" };
    Response::builder()
        .header(header::CONTENT_TYPE, HeaderValue::from_bytes(kind).ok()?)
        .header("x-cache", from)
        .body(Body::from(Bytes::copy_from_slice(&body[1..])))
        .ok()
}

/// Whether a request's answer may be another's, too.
fn is_shared(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::AUTHORIZATION) && !headers.contains_key(header::COOKIE)
}

impl<S> Service<Request<Body>> for Cached<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Asked of the inner service when it is called, if it is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (inner, tier, keep) = (self.inner.clone(), self.tier.clone(), self.keep.clone());
        Box::pin(async move {
            if request.method() != Method::GET || !is_shared(request.headers()) {
                return inner.oneshot(request).await;
            }
            let key = format!("page:{}", request.uri());
            let (again, uri) = (inner.clone(), request.uri().clone());
            let make = move || async move {
                let Ok(response) = inner.oneshot(request).await;
                let (parts, body) = response.into_parts();
                if !parts.status.is_success() || parts.headers.contains_key(header::SET_COOKIE) {
                    return Ok(None);
                }
                let kind = parts.headers.get(header::CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static("text/plain"));
                let body = body.collect().await?.to_bytes();
                Ok::<_, axum::Error>(Some(pack(&kind, &body)))
            };
            let found = tier.get_or_set_with_meta(key, keep, make).await.ok();
            let kept = found.and_then(|found| unpack(&found.value?, found.meta.source));
            match kept {
                Some(response) => Ok(response),
                // Not to be kept: asked for again, as it is.
                None => again.oneshot(Request::get(uri).body(Body::empty()).unwrap_or_default()).await,
            }
        })
    }
}
