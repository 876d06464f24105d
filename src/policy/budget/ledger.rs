//! What a budget remembers, and what each event does to it.

use crate::platform::clock::Instant;

/// Amounts are counted in millionths of a token: fine enough for every fraction that people write (gRPC allows
/// three decimals), and coarse enough that a balance of `u32::MAX` tokens is a thousandth of an `i64`.
pub(super) const TOKEN: i64 = 1_000_000;

/// The most that one event may move: as many tokens as the highest `u32`. Balance and amount together stay far
/// inside an `i64`, so the hot paths add without looking for overflow.
pub(super) const MOST: i64 = u32::MAX as i64 * TOKEN;

/// How many pieces the time to live of a deposit is cut into; Finagle has the same ten. A deposit lives between nine
/// tenths of that time and all of it.
const SLICES: usize = 10;

const NANOS: u64 = 1_000_000_000;

/// A wait of 32 years and more refills like one of 32 years: the product below stays inside a `u64`.
const LONGEST_REFILL: u64 = 1_000_000_000;

/// What each event moves, in millionths of a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tariff {
    pub capacity: i64,
    pub initial: i64,
    /// Earned by a call that begins.
    pub per_call: i64,
    /// Earned by a call that succeeds.
    pub per_success: i64,
    /// Taken by a failure of which the cause may be retried, repeated or not.
    pub per_failure: i64,
    /// Whether a success after retries earns what the last of them cost, in place of `per_success`.
    pub refunds: bool,
    /// The least balance with which anything is repeated.
    pub least: i64,
    /// What a retry costs, in whole tokens, by the cause that made it necessary.
    pub costs: [u32; 8],
    /// Per second. At most 10,000 tokens, so that it fits a `u64` when multiplied with nanoseconds.
    pub refill: u64,
    /// A deposit's time to live, in nanoseconds, where it has one.
    pub ttl: Option<u64>,
    /// What the passing of time does. A function, so that neither kind is in a component that does not use it.
    pub passes: Option<fn(&mut Ledger, &Tariff, Instant)>,
}

impl Tariff {
    /// How long each piece of the time to live is, in nanoseconds.
    pub const fn slice(&self) -> u64 {
        match self.ttl {
            Some(ttl) => ttl / SLICES as u64,
            None => 0,
        }
    }
}

/// The balance, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ledger {
    pub balance: i64,
    /// Until when the passing of time is accounted for; the beginning of the slice where deposits expire.
    at: Option<Instant>,
    /// What refilling earned beyond whole millionths, in billionths of them.
    carry: u64,
    /// The balance when the slice under way began.
    opened: i64,
    /// By how much the balance moved in each earlier slice that still counts.
    slices: [i64; SLICES],
    current: usize,
}

impl Ledger {
    pub const fn new(tariff: &Tariff) -> Self {
        let balance = tariff.initial;
        Ledger { balance, at: None, carry: 0, opened: balance, slices: [0; SLICES], current: 0 }
    }

    #[inline]
    pub fn earn(&mut self, tariff: &Tariff, amount: i64) {
        self.balance = (self.balance + amount).min(tariff.capacity);
    }

    pub fn lose(&mut self, amount: i64) {
        self.balance -= amount;
        if self.balance < 0 {
            self.balance = 0;
            self.carry = 0;
        }
    }

    /// Takes what a retry costs, and says whether there was enough.
    pub fn withdraw(&mut self, tariff: &Tariff, cost: i64) -> bool {
        let affords = self.balance >= cost && self.balance >= tariff.least;
        if affords {
            self.balance -= cost;
        }
        affords
    }
}

/// Time earns tokens. What is earned is added exactly, however the time is cut into pieces.
pub(super) fn refill(ledger: &mut Ledger, tariff: &Tariff, now: Instant) {
    let passed = now.nanos_since(*ledger.at.get_or_insert(now));
    if passed != 0 {
        ledger.at = Some(now);
        let part = passed % NANOS * tariff.refill + ledger.carry;
        let earned = (passed / NANOS).min(LONGEST_REFILL) * tariff.refill + part / NANOS;
        ledger.carry = part % NANOS;
        ledger.balance = ledger.balance.saturating_add(i64::try_from(earned).unwrap_or(i64::MAX));
    }
    // A success may have filled it without a look at the clock; more than full, it has no fraction either.
    if ledger.balance >= tariff.capacity {
        ledger.balance = tariff.capacity;
        ledger.carry = 0;
    }
}

/// Deposits and withdrawals that are older than their time to live are forgotten.
pub(super) fn expire(ledger: &mut Ledger, tariff: &Tariff, now: Instant) {
    let began = *ledger.at.get_or_insert(now);
    let slice = tariff.slice().max(1);
    let slices = now.nanos_since(began) / slice;
    if slices == 0 {
        return;
    }
    ledger.at = Some(began.after(slices * slice));
    if let Some(past) = ledger.slices.get_mut(ledger.current) {
        *past = ledger.balance.saturating_sub(ledger.opened);
    }
    // After as many slices as there are, nothing of the past is left: the idle time passed costs no more than that.
    for _ in 0..slices.min(SLICES as u64) {
        ledger.current = (ledger.current + 1) % SLICES;
        if let Some(past) = ledger.slices.get_mut(ledger.current) {
            ledger.balance = ledger.balance.saturating_sub(core::mem::take(past));
        }
    }
    ledger.opened = ledger.balance;
}
