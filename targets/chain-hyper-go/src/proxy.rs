//! Requests -> requests to the server behind -> its responses.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode, Uri, Version,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HOST, HeaderValue},
    http::uri::{self, Authority, PathAndQuery, Scheme},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::hops;

/// The body of an answer: of our own, or passed on as it comes.
type Body = Either<Full<Bytes>, Incoming>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// How long connecting to the server behind may take: it is on the same machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The server behind, and the connections to it that are kept alive.
#[derive(Debug, Clone)]
pub struct Proxy {
    client: Client<HttpConnector, Incoming>,
    upstream: Authority,
}

impl Proxy {
    /// A proxy to the server at `upstream`; it connects when the first request comes.
    pub fn new(upstream: SocketAddr) -> Result<Self, uri::InvalidUri> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client =
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { client, upstream: upstream.to_string().parse()? })
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz") => {
                own(StatusCode::OK, JSON, "{\"status\":\"ok\"}")
            }
            (&Method::GET | &Method::HEAD, "/v1/user") => self.pass_on(request).await,
            _ => own(StatusCode::NOT_FOUND, TEXT, "not found\n"),
        }
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let Ok(uri) = self.behind(head.uri.path_and_query()) else {
            return own(StatusCode::BAD_REQUEST, TEXT, "bad request target\n");
        };
        head.uri = uri;
        head.version = Version::HTTP_11;
        hops::remove(&mut head.headers);
        // The client names the server behind instead.
        head.headers.remove(HOST);
        match self.client.request(Request::from_parts(head, body)).await {
            Ok(mut response) => {
                hops::remove(response.headers_mut());
                // Each connection has a version of its own.
                *response.version_mut() = Version::HTTP_11;
                response.map(Either::Right)
            }
            Err(_) => own(StatusCode::BAD_GATEWAY, TEXT, "the server behind does not answer\n"),
        }
    }

    fn behind(&self, target: Option<&PathAndQuery>) -> Result<Uri, hyper::http::Error> {
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.upstream.clone())
            .path_and_query(target.cloned().unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
    }
}

fn own(status: StatusCode, content_type: HeaderValue, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
