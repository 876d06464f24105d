//! Every kind of value, between us and a stock peer.

use super::bindings::test::guests::values;
use super::bindings::{highest, lowest};
use super::peer::{self, Behaviour};
use crate::{Caller, Provider, Server};

#[tokio::test]
async fn every_kind_of_value_arrives_at_a_stock_provider_as_it_was_sent_and_comes_back() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::at(&server).await;
    let (_provider, seen) = peer::serve(&server, Behaviour::Honest).await;
    assert_eq!(caller.get("/values").await, ("every value came back".into(), vec![Ok(()); 6]));
    let turned = format!("{:?}", (7, "seven".len(), [1, 2, 3]));
    let expected = [
        format!("{:?}", highest()),
        format!("{:?}", lowest()),
        turned,
        r#""not today""#.into(),
        "()".into(),
        "()".into(),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn every_kind_of_value_that_a_stock_client_sends_comes_back_as_it_was() {
    let Some(server) = Server::start().await else { return };
    let (wrpc, _provider) = (peer::client(&server).await, Provider::start(&server.url()));
    for value in [highest(), lowest()] {
        assert_eq!(format!("{:?}", values::echo(&wrpc, None, &value).await.unwrap()), format!("{value:?}"));
        assert_eq!(format!("{:?}", values::try_echo(&wrpc, None, &value).await.unwrap()), format!("{value:?}"));
    }
    let turned = values::turn(&wrpc, None, 7, "seven", &[1, 2, 3]).await.unwrap();
    assert_eq!(turned, (vec![1, 2, 3], "seven".into(), 7));
    assert_eq!(values::refuse(&wrpc, None, "not today").await.unwrap(), Err("not today".into()));
    values::nothing(&wrpc, None).await.unwrap();
    values::try_nothing(&wrpc, None).await.unwrap();
}
