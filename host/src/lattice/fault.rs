//! Breaks calls on purpose: a transport around another.

use std::borrow::Cow;
use std::fmt;
use std::ops::DerefMut;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use hyper::http::uri::Scheme;
use hyper::{StatusCode, Uri};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::capacity::{Capacity, Station};
use super::{Delay, Invocation, Reply, Transport, pick};
use crate::authority::Authority;
use crate::clock;
use crate::failure::{Cause, Delivery, Failure};

/// Something that goes wrong on purpose.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub on: On,
    pub kind: FaultKind,
    /// Since the host was ready.
    pub from: Duration,
    pub until: Option<Duration>,
    /// It comes and goes.
    pub flapping: Option<Flapping>,
    /// The share of the calls that it hits; all without one.
    pub rate: Option<f64>,
    /// How many calls fail before it is over.
    pub first: Option<u64>,
    pub line: usize,
}

/// Again and again, counted from the beginning of a fault, it is there at first, and then it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flapping {
    pub every: Duration,
    /// Shorter than that.
    pub lasts: Duration,
}

/// The calls that a fault is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Everything,
    /// An interface, or a function as `interface#function`.
    Function(String),
    /// HTTP requests to an authority; without a scheme, under any.
    Http(Option<Scheme>, Authority),
    /// Any of these.
    Any(Vec<On>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FaultKind {
    NoLink,
    NoTarget,
    Disconnected,
    Blackhole,
    Drop(Lost),
    Trap,
    Latency(Delay),
    Overloaded(Option<Duration>),
    /// A target that can do so much.
    Capacity(Arc<Capacity>),
    /// An HTTP answer, in place of the upstream's; with the `Retry-After` that it has.
    Status(StatusCode, Option<Duration>),
    /// One of these each time, by their weights.
    Mix(Arc<[(FaultKind, u64)]>),
}

/// Which half of an exchange a `drop` takes. The caller cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The call, so the target does nothing.
    Request,
    /// The answer, when the target has done its work.
    Answer,
}

/// All faults of a host, at work. They can be switched on and off while it is.
pub(crate) struct Faults {
    /// When the host was ready; none of its calls are earlier.
    ready: OnceLock<Instant>,
    /// Those of the manifest in their order, and then those that were switched on. The list is replaced, never changed:
    /// a call that is being delayed goes on with the one it has.
    armed: Mutex<Arc<[Arc<Armed>]>>,
    /// How many there are: most hosts have none, and a call then asks for no list.
    count: AtomicUsize,
    /// Decides whether a fault with a rate hits, and how long a delay is.
    chance: Mutex<StdRng>,
}

/// Numbers are not used again, so that they mean the same when a host takes the place of another.
static LAST_ID: AtomicU64 = AtomicU64::new(0);

/// A fault at work.
pub(crate) struct Armed {
    pub id: u64,
    pub fault: Fault,
    /// When it was switched on; none for a fault of the manifest, whose times count from when the host was ready.
    switched: Option<Instant>,
    /// Calls that it has hit.
    hits: AtomicU64,
    /// Where it is a capacity: who is at work.
    station: Mutex<Station>,
}

impl Faults {
    /// Those of a manifest, whose chances are those of `seed`.
    pub fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let all = Faults {
            ready: OnceLock::new(),
            armed: Mutex::new(Arc::new([])),
            count: AtomicUsize::new(0),
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
        };
        for fault in faults {
            all.arm(fault, None);
        }
        all
    }

    /// The times of the manifest's faults count from now.
    pub fn ready(&self) {
        self.ready.get_or_init(Instant::now);
    }

    /// From now on, `fault` is at work too, and its times count from now.
    pub fn switch_on(&self, fault: Fault) -> u64 {
        self.arm(fault, Some(Instant::now()))
    }

    fn arm(&self, fault: Fault, switched: Option<Instant>) -> u64 {
        let id = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
        self.share(Arc::new(Armed { id, fault, switched, hits: AtomicU64::new(0), station: Mutex::default() }));
        id
    }

    /// A fault that may be at work elsewhere is at work here too.
    pub fn share(&self, armed: Arc<Armed>) {
        self.replace(|all| all.iter().cloned().chain([armed]).collect());
    }

    /// The faults with such an id, of all that are there, are at work no longer. Whether there were any.
    pub fn switch_off(&self, ids: impl Fn(u64) -> bool) -> bool {
        let mut found = false;
        self.replace(|all| {
            let (off, on): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|armed| ids(armed.id));
            found = !off.is_empty();
            on.into()
        });
        found
    }

    /// All that are at work, those included whose time has not come, or is over.
    pub fn all(&self) -> Arc<[Arc<Armed>]> {
        self.lock().clone()
    }

    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn replace(&self, change: impl FnOnce(&[Arc<Armed>]) -> Arc<[Arc<Armed>]>) {
        let mut all = self.lock();
        *all = change(&all);
        self.count.store(all.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[Arc<Armed>]>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in the way of a call, now that all delays on it are over. Delays add up, those of a queue too; of the other
    /// faults that apply, the first counts.
    pub async fn obstacle(&self, is_on: impl Fn(&On) -> bool) -> Option<FaultKind> {
        if self.is_empty() {
            return None;
        }
        let ready = *self.ready.get_or_init(Instant::now);
        for armed in &*self.all() {
            if !armed.fault.on.any(&is_on) || !armed.is_at_work(ready) || !self.happens(&armed.fault) || !armed.hits() {
                continue;
            }
            match armed.fault.kind.drawn(|| self.chance()) {
                FaultKind::Latency(delay) => {
                    let delay = delay.draw(&mut self.chance());
                    clock::sleep(delay).await;
                }
                FaultKind::Capacity(capacity) => {
                    let done = armed.station().arrive(capacity, Instant::now(), &mut self.chance());
                    match done {
                        Some(done) => clock::sleep_until(done).await,
                        None => return Some(FaultKind::Overloaded(capacity.retry_after)),
                    }
                }
                kind => return Some(kind.clone()),
            }
        }
        None
    }

    /// Makes a call of `target`, unless a fault is in the way.
    pub async fn in_front<T>(
        &self,
        target: &str,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let interface = target.split('#').next().unwrap_or(target);
        let obstacle = self.obstacle(|on| match on {
            On::Everything => true,
            On::Function(on) => on == target || on == interface,
            On::Http(..) | On::Any(_) => false,
        });
        let failed = |cause, delivery, message| Err(Failure::new(cause, delivery, format!("injected: {message}")));
        match obstacle.await {
            None | Some(FaultKind::Latency(_) | FaultKind::Capacity(_) | FaultKind::Mix(_)) => call.await,
            Some(FaultKind::NoLink) => failed(Cause::NoLink, Delivery::NotSent, "the link is gone"),
            Some(FaultKind::NoTarget) => failed(Cause::NoTarget, Delivery::NotSent, "nothing serves this"),
            Some(FaultKind::Disconnected) => failed(Cause::Disconnected, Delivery::NotSent, "the transport is down"),
            Some(FaultKind::Trap) => failed(Cause::Trapped, Delivery::Delivered, "the target trapped"),
            Some(FaultKind::Overloaded(retry_after) | FaultKind::Status(_, retry_after)) => {
                failed(Cause::Overloaded, Delivery::NotSent, "overloaded")
                    .map_err(|failure| Failure { retry_after, ..failure })
            }
            // The invocation timeout ends the wait.
            Some(FaultKind::Blackhole) => std::future::pending().await,
            Some(FaultKind::Drop(lost)) => {
                if lost == Lost::Answer {
                    let _lost = call.await;
                }
                failed(Cause::Disconnected, Delivery::Unknown, "the connection was lost during the call")
            }
        }
    }

    /// Whether chance has a fault hit this time.
    fn happens(&self, fault: &Fault) -> bool {
        fault.rate.is_none_or(|rate| self.chance().random::<f64>() < rate)
    }

    fn chance(&self) -> MutexGuard<'_, StdRng> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transport with faults on its calls.
pub(crate) struct Faulty<N> {
    pub faults: Arc<Faults>,
    pub transport: Arc<dyn Transport<N>>,
}

impl<N: Send + Sync> Transport<N> for Faulty<N> {
    fn invoke<'a>(
        &'a self,
        network: &'a Arc<N>,
        invocation: Invocation,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        if self.faults.is_empty() {
            return self.transport.invoke(network, invocation);
        }
        Box::pin(async move {
            let function = invocation.function.clone();
            self.faults.in_front(&function.target, self.transport.invoke(network, invocation)).await
        })
    }
}

impl Armed {
    /// Whether now is a time at which the fault applies.
    fn is_at_work(&self, ready: Instant) -> bool {
        let Fault { from, until, flapping, .. } = &self.fault;
        let now = self.switched.unwrap_or(ready).elapsed();
        if now < *from || until.is_some_and(|until| now >= until) {
            return false;
        }
        flapping.is_none_or(|Flapping { every, lasts }| {
            (now - *from).as_nanos() % every.as_nanos().max(1) < lasts.as_nanos()
        })
    }

    /// Whether the fault is not over yet; if so, it has hit once more.
    fn hits(&self) -> bool {
        let limit = self.fault.first.unwrap_or(u64::MAX);
        self.hits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |hits| (hits < limit).then_some(hits + 1)).is_ok()
    }

    fn station(&self) -> MutexGuard<'_, Station> {
        self.station.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls it has hit.
    pub fn hit(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Whether it was switched on, and does not stand in the manifest.
    pub fn is_switched(&self) -> bool {
        self.switched.is_some()
    }
}

impl FaultKind {
    /// What it is this time, by chance.
    fn drawn<C: DerefMut<Target = StdRng>>(&self, chance: impl FnOnce() -> C) -> &FaultKind {
        match self {
            FaultKind::Mix(kinds) => {
                let number = pick(kinds.iter().map(|(_, weight)| *weight), &mut chance());
                kinds.get(number).map_or(self, |(kind, _)| kind)
            }
            kind => kind,
        }
    }

    /// As the manifest has it.
    pub fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            FaultKind::NoLink => "no-link",
            FaultKind::NoTarget => "no-target",
            FaultKind::Disconnected => "disconnected",
            FaultKind::Blackhole => "blackhole",
            FaultKind::Drop(_) => "drop",
            FaultKind::Trap => "trap",
            FaultKind::Latency(_) => "latency",
            FaultKind::Overloaded(_) => "overloaded",
            FaultKind::Capacity(_) => "capacity",
            FaultKind::Status(..) => "status",
            FaultKind::Mix(kinds) => {
                let names: Vec<_> = kinds.iter().map(|(kind, _)| kind.name()).collect();
                return Cow::Owned(names.join(" or "));
            }
        })
    }

    /// The settings of its kinds, of which most have none, and in a mix each has its own.
    pub fn kinds(&self) -> impl Iterator<Item = &FaultKind> {
        let (mix, one) = match self {
            FaultKind::Mix(kinds) => (&kinds[..], None),
            one => (&[][..], Some(one)),
        };
        mix.iter().map(|(kind, _)| kind).chain(one)
    }
}

impl On {
    /// Whether `is` holds for what this is on, or for one of them.
    fn any(&self, is: impl Fn(&On) -> bool) -> bool {
        match self {
            On::Any(all) => all.iter().any(is),
            on => is(on),
        }
    }

    /// Whether a call of `target` is one, as the journal names targets: `acme:greeter/api#greet`, or `GET
    /// http://quotes.test/today`.
    pub fn is_of(&self, target: &str) -> bool {
        match self {
            On::Everything => true,
            On::Any(all) => all.iter().any(|on| on.is_of(target)),
            On::Function(on) => on == target || target.split('#').next() == Some(on),
            On::Http(scheme, authority) => {
                let uri: Option<Uri> = target.split_once(' ').and_then(|(_, uri)| uri.parse().ok());
                uri.is_some_and(|uri| {
                    scheme.as_ref().is_none_or(|scheme| uri.scheme() == Some(scheme)) && authority.is_of(&uri)
                })
            }
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            On::Everything => f.write_str("everything"),
            On::Function(name) => f.write_str(name),
            On::Http(Some(scheme), authority) => write!(f, "{scheme}://{authority}"),
            On::Http(None, authority) => write!(f, "{authority}"),
            On::Any(all) => {
                let all: Vec<String> = all.iter().map(On::to_string).collect();
                f.write_str(&all.join(" and "))
            }
        }
    }
}
