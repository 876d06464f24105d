//! Messages that are larger than the server takes, between us and a stock peer: they travel in parts.

use super::bindings::test::guests::values;
use super::peer::{self, Behaviour};
use crate::{Caller, Provider, Server};

#[tokio::test]
async fn much_travels_in_parts_to_a_stock_provider_and_back() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::patient(&server).await;
    let _provider = peer::serve(&server, Behaviour::Honest).await;
    assert_eq!(caller.get("/much").await, ("much came back".into(), vec![Ok(())]));
}

#[tokio::test]
async fn much_travels_in_parts_from_a_stock_client_and_back() {
    let Some(server) = Server::start().await else { return };
    let (wrpc, _provider) = (peer::client(&server).await, Provider::start(&server.url()));
    let much = "0123456789abcdef".repeat(3 << 16);
    assert!(much.len() > server.max_payload().await);
    let turned = values::turn(&wrpc, None, 7, &much, &[1, 2, 3]).await.unwrap();
    assert!(turned == (vec![1, 2, 3], much, 7));
}
