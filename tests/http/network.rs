//! A host that lets its guests send HTTP requests over real sockets, and a server that they can send them to.

use std::future::{Future, pending};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::peers::{self, Sending};

/// Every request a connection of its own.
struct Network;

impl WasiHttpHooks for Network {
    // So that what takes many writes need not be large.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        64 * 1024
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Sending {
        let request = match peers::answer(request) {
            Ok(sending) => return sending,
            Err(request) => *request,
        };
        Box::new(async move {
            let authority = request.uri().authority().ok_or(Error::HttpRequestUriInvalid)?.to_string();
            let stream = TcpStream::connect(authority).await.map_err(Error::Connect)?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            // It ends with the request, also when the guest drops that.
            tokio::spawn(connection);
            let response = sender.send_request(request).await?;
            let response = response.map(|body| body.map_err(Error::from).boxed_unsync());
            let done: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    network: Network,
    table: ResourceTable,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.network }
    }
}

/// A component that answers requests, each with an instance of its own.
pub struct Host {
    engine: Engine,
    guest: ProxyPre<Guest>,
}

/// What a component answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A member of the problem that the body is, as JSON.
    pub fn member(&self, name: &str) -> serde_json::Value {
        serde_json::from_str::<serde_json::Value>(&self.body).unwrap_or_default()[name].clone()
    }
}

impl Host {
    pub fn new(component: &Path) -> Self {
        let engine = Engine::default();
        let mut linker = Linker::<Guest>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        let component = Component::from_file(&engine, component).unwrap();
        let guest = ProxyPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        Host { engine, guest }
    }

    /// Has the component answer `request`.
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answer, ErrorCode> {
        let wasi = WasiCtx::builder().build();
        let guest = Guest { wasi, http: WasiHttpCtx::new(), network: Network, table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, guest);
        let (sender, receiver) = oneshot::channel();
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request).unwrap();
        let out = store.data_mut().http().new_response_outparam(sender).unwrap();
        let proxy = self.guest.instantiate_async(&mut store).await.unwrap();
        let run = async {
            proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await.unwrap();
            // A body that the guest never finished would never end.
            drop(store);
        };
        let answer = async {
            let (head, body) = receiver.await.unwrap()?.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::join!(run, answer).1
    }
}

/// A server whose paths say how it behaves, and which remembers what it was asked.
pub struct Server {
    pub authority: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let server = Server { authority, asked: asked.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let asked = asked.clone();
                let serve = service_fn(move |request| behave(request, asked.clone()));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
            }
        });
        server
    }

    /// What it was asked since the last time: method, path and body of each request.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// An authority at which nobody listens.
pub async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn behave(
    request: Request<hyper::body::Incoming>,
    asked: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_string();
    let body = body.collect().await.map_err(|_| "the client is gone")?.to_bytes();
    let body = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
    let number = {
        let mut asked = asked.lock().unwrap();
        asked.push(format!("{} {path} {body}", head.method));
        asked.len()
    };
    Ok(match path.as_str() {
        "/flaky" if number < 3 => answer(503, &[("retry-after", "0")], "not yet"),
        "/busy" => {
            let dates = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT")];
            answer(429, &dates, "busy")
        }
        "/drop" => return Err("the connection is dropped"),
        "/hang" => pending().await,
        "/hang-once" if number == 1 => pending().await,
        "/long" => answer(200, &[], &"x".repeat(1000)),
        _ => answer(200, &[], &body),
    })
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::from(body.to_owned())).unwrap()
}
