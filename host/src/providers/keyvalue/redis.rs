//! A bucket is a hash of Redis, `steadfast/keyvalue/<bucket>`, and a key one of its fields.

use std::path::Path;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisError, TlsCertificates, cmd};
use tokio::sync::OnceCell;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::buckets::{MAX_ANSWER, MAX_PAGE, Refused, check};
use super::{Answer, Delta, Operation, Seen};
use crate::failure::{Cause, Delivery, Failure};

/// Longer than a server takes that is there.
const CONNECT: Duration = Duration::from_secs(2);

/// The longest that a command may take: beyond any invocation timeout that a store is useful with.
const ANSWER: Duration = Duration::from_secs(30);

/// Sets a field if it has the value that was seen, or is not there where none was seen.
const SWAP: &str = "
    local now = redis.call('HGET', KEYS[1], ARGV[1])
    if now ~= (ARGV[3] or false) then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    return 1
";

/// A Redis server, which is connected to when it is first asked.
pub(super) struct Redis {
    client: Client,
    connection: OnceCell<ConnectionManager>,
}

/// Whether an address is one; the message does not quote it.
pub(super) fn check_address(address: &str) -> Result<(), String> {
    client(address, None).map(drop)
}

/// What an address over TLS begins with.
const SECRET: &str = "rediss://";

fn client(address: &str, ca: Option<&Path>) -> Result<Client, String> {
    let wrong = || {
        "the address of Redis is invalid; write it like \"redis://127.0.0.1:6379\", or with `rediss` for TLS"
            .to_string()
    };
    let secret = address.starts_with(SECRET);
    // Behind a `#` stands what would make TLS believe everybody.
    if !(secret || address.starts_with("redis://")) || address.contains('#') {
        return Err(wrong());
    }
    let info = address.into_connection_info().map_err(|_| wrong())?;
    if secret && CryptoProvider::get_default().is_none() {
        // The client takes that of the process, which has none by itself where two crates would bring one.
        let _ = ring::default_provider().install_default();
    }
    let Some(file) = ca else { return Client::open(info).map_err(|_| wrong()) };
    if !secret {
        return Err(format!("`ca` is for TLS; let the address of Redis begin with `{SECRET}`, or remove `ca`"));
    }
    let root = crate::small_file::read(file)
        .map_err(|error| format!("`ca`: cannot read {}: {error}; give a file that can be read", file.display()))?;
    if !matches!(CertificateDer::pem_slice_iter(&root).next(), Some(Ok(_))) {
        return Err(format!(
            "`ca`: {} has no certificate in PEM; give a file with a `BEGIN CERTIFICATE`",
            file.display()
        ));
    }
    let tls = TlsCertificates { client_tls: None, root_cert: Some(root) };
    Client::build_with_tls(info, tls).map_err(|error| {
        let error = crate::error::quote(&error);
        format!("`ca`: {} cannot be used: {error}; give the certificate of a CA", file.display())
    })
}

impl Redis {
    /// The server at an address; over TLS, one whose certificate one of those in `ca` signed.
    ///
    /// # Errors
    /// What is wrong with the address, or with the file.
    pub fn new(address: &str, ca: Option<&Path>) -> Result<Self, String> {
        Ok(Redis { client: client(address, ca)?, connection: OnceCell::new() })
    }

    async fn connection(&self) -> Result<ConnectionManager, Failure> {
        let connect = async || {
            // A server that is not there fails one call, and the next one tries again.
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(ANSWER));
            ConnectionManager::new_lazy_with_config(self.client.clone(), config)
        };
        self.connection.get_or_try_init(connect).await.cloned().map_err(|error| failure(&error))
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<Result<T, RedisError>, Failure> {
        let mut connection = self.connection().await?;
        match command.query_async(&mut connection).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(error) if error.is_io_error() || error.is_unrecoverable_error() => Err(failure(&error)),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The answer of a command that is not refused.
    async fn get<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Failure> {
        self.ask(command).await?.map_err(|error| failure(&error))
    }

    pub async fn run(&self, bucket: &str, operation: Operation) -> Result<Result<Answer, Refused>, Failure> {
        let hash = format!("steadfast/keyvalue/{bucket}");
        let on = |name: &str| {
            let mut command = cmd(name);
            command.arg(&hash);
            command
        };
        if let Err(refused) = check(&operation) {
            return Ok(Err(refused));
        }
        Ok(Ok(match operation {
            Operation::Get(key) => Answer::Value(self.get(on("HGET").arg(key)).await?),
            Operation::Set(key, value) => {
                self.get::<i64>(on("HSET").arg(key).arg(value)).await?;
                Answer::Done
            }
            Operation::Delete(key) => {
                self.get::<i64>(on("HDEL").arg(key)).await?;
                Answer::Done
            }
            Operation::Exists(key) => Answer::Exists(self.get(on("HEXISTS").arg(key)).await?),
            Operation::Increment(key, delta) => {
                // Redis counts with a sign.
                let by = match delta {
                    Delta::Signed(delta) => Ok(delta),
                    Delta::Unsigned(delta) => i64::try_from(delta),
                };
                let Ok(by) = by else { return Ok(Err(Refused::Overflow(key))) };
                match (self.ask::<i64>(on("HINCRBY").arg(&key).arg(by)).await?, delta) {
                    (Ok(sum), Delta::Signed(_)) => Answer::Signed(sum),
                    (Ok(sum), Delta::Unsigned(_)) => match u64::try_from(sum) {
                        Ok(sum) => Answer::Number(sum),
                        Err(_) => return Ok(Err(Refused::NoNumber(key))),
                    },
                    (Err(error), _) if error.to_string().contains("overflow") => {
                        return Ok(Err(Refused::Overflow(key)));
                    }
                    (Err(error), _) if error.to_string().contains("integer") => return Ok(Err(Refused::NoNumber(key))),
                    (Err(error), _) => return Err(failure(&error)),
                }
            }
            Operation::Look(key) => {
                let value: Option<Vec<u8>> = self.get(on("HGET").arg(key)).await?;
                Answer::Looked(value.clone(), Seen::Value(value))
            }
            Operation::Swap(key, seen, value) => {
                let Seen::Value(seen) = seen else { return Ok(Ok(Answer::Swapped(false))) };
                let swap = cmd("EVAL").arg(SWAP).arg(1).arg(&hash).arg(key).arg(value).arg(seen.as_slice()).take();
                Answer::Swapped(self.get(&swap).await?)
            }
            Operation::Keys(cursor) => {
                let page = on("HSCAN").arg(cursor.unwrap_or(0)).arg("COUNT").arg(MAX_PAGE).take();
                let (next, fields): (u64, Vec<(String, Vec<u8>)>) = self.get(&page).await?;
                Answer::Keys(fields.into_iter().map(|(key, _)| key).collect(), (next != 0).then_some(next))
            }
            Operation::GetMany(keys) if keys.is_empty() => Answer::Values(Vec::new()),
            Operation::GetMany(keys) => {
                let values: Vec<Option<Vec<u8>>> = self.get(on("HMGET").arg(&keys)).await?;
                if values.iter().flatten().map(Vec::len).sum::<usize>() > MAX_ANSWER {
                    return Ok(Err(Refused::Answer));
                }
                let pairs = keys.into_iter().zip(values);
                Answer::Values(pairs.map(|(key, value)| value.map(|value| (key, value))).collect())
            }
            Operation::SetMany(pairs) => {
                if !pairs.is_empty() {
                    self.get::<i64>(on("HSET").arg(&pairs[..])).await?;
                }
                Answer::Done
            }
            Operation::DeleteMany(keys) => {
                if !keys.is_empty() {
                    self.get::<i64>(on("HDEL").arg(&keys)).await?;
                }
                Answer::Done
            }
        }))
    }
}

fn failure(error: &RedisError) -> Failure {
    let (cause, delivery) = match error {
        error if error.is_connection_refusal() => (Cause::NoTarget, Delivery::NotSent),
        // The handshake comes before the command.
        error if is_untrusted(error) => {
            let said = crate::error::quote(error);
            let hint = "give the certificate of who signed the server's as `ca`, beside `redis`";
            return Failure::new(Cause::Protocol, Delivery::NotSent, format!("Redis: {said}; {hint}"));
        }
        error if error.is_timeout() => (Cause::Timeout, Delivery::Unknown),
        error if error.is_io_error() || error.is_unrecoverable_error() => (Cause::Disconnected, Delivery::Unknown),
        _ => (Cause::Other, Delivery::Delivered),
    };
    Failure::new(cause, delivery, format!("Redis: {}", crate::error::quote(error)))
}

/// Whether the server has no certificate that is trusted here.
fn is_untrusted(error: &RedisError) -> bool {
    error.to_string().contains("invalid peer certificate")
}
