//! The provider `keyvalue` as a process of its own, asked by the client that wRPC's own generator makes.

use std::process::Command;

use wrpc_transport::tcp;

use crate::Process;
use wrpc::keyvalue::store::Error;
use wrpc::keyvalue::{atomics, batch, store};

wit_bindgen_wrpc::generate!({ path: "src/providers/keyvalue/plain-wit", world: "imports", generate_all, additional_derives: [PartialEq] });

#[tokio::test]
async fn a_stock_client_uses_the_provider_as_a_process() {
    let provider = Process::of("keyvalue".as_ref(), &[]);
    let client = tcp::Client::from(provider.address);
    let get = async |key| store::get(&client, (), "a", key).await.unwrap();
    let value = bytes::Bytes::from_static(b"one");
    assert_eq!(store::set(&client, (), "a", "k", &value).await.unwrap(), Ok(()));
    assert_eq!(get("k").await, Ok(Some(value.clone())));
    assert_eq!(get("none").await, Ok(None));
    assert_eq!(atomics::increment(&client, (), "a", "n", 7).await.unwrap(), Ok(7));
    let page = store::list_keys(&client, (), "a", None).await.unwrap().unwrap();
    assert_eq!((page.keys, page.cursor), (vec!["k".to_string(), "n".into()], None));
    let many = batch::get_many(&client, (), "a", &["none", "k"]).await.unwrap();
    assert_eq!(many, Ok(vec![None, Some(("k".into(), value))]));
    // It refuses in the same words as in a host.
    let refused = "`k` was not incremented: its value is no number; delete it, or use another key";
    assert_eq!(atomics::increment(&client, (), "a", "k", 1).await.unwrap(), Err(Error::Other(refused.into())));
    assert_eq!(store::get(&client, (), &"b".repeat(257), "k").await.unwrap(), Err(Error::NoSuchStore));
}

#[test]
fn wrong_options_of_a_provider_are_said() {
    for (arguments, expected) in [
        (
            ["keyvalue", "--option", "bukket=a"],
            "error: cannot provide keyvalue: unknown field `bukket`, did you mean `bucket`? Expected one of \
             `redis`, `ca`, `nats`, `bucket`, `max-age`\n",
        ),
        (
            ["a.wasm", "--option", "bucket=a"],
            "error: cannot provide a.wasm: it is a component, and `--option bucket=a` is for providers of the host; \
             remove the option, or give the name of a provider, like `keyvalue`\n",
        ),
    ] {
        let command = Command::new(env!("CARGO_BIN_EXE_steadfast"))
            .args(["provide", "--tcp", "127.0.0.1:0"])
            .args(arguments)
            .output()
            .expect("the command runs");
        assert_eq!(String::from_utf8(command.stderr).expect("text"), expected);
    }
}
