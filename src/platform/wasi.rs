//! The functions of WASI that a policy calls: the clock, the sleep and the jitter.
//!
//! They are imported in the version that the standard library imports. A component that reads the time or prints
//! then has most of them already, where another version would be imported a second time beside it.
#![allow(unsafe_code, missing_docs, reason = "generated")]

#[cfg(not(feature = "wstd"))]
mod bindings {
    wit_bindgen::generate!({
        // As WASI 0.2.0 has them, in full: beside another copy of them, linkers want both to be the same.
        inline: "
            package steadfast:wasi;

            package wasi:io@0.2.0 {
                interface poll {
                    resource pollable {
                        ready: func() -> bool;
                        block: func();
                    }
                    poll: func(in: list<borrow<pollable>>) -> list<u32>;
                }
            }

            package wasi:clocks@0.2.0 {
                interface monotonic-clock {
                    use wasi:io/poll@0.2.0.{pollable};
                    type instant = u64;
                    type duration = u64;
                    now: func() -> instant;
                    resolution: func() -> duration;
                    subscribe-instant: func(when: instant) -> pollable;
                    subscribe-duration: func(when: duration) -> pollable;
                }
            }

            package wasi:random@0.2.0 {
                interface insecure {
                    get-insecure-random-bytes: func(len: u64) -> list<u8>;
                    get-insecure-random-u64: func() -> u64;
                }
            }

            world guest {
                import wasi:clocks/monotonic-clock@0.2.0;
                import wasi:random/insecure@0.2.0;
            }
        ",
        generate_all,
        type_section_suffix: "steadfast-wasi",
    });
}

#[cfg(not(feature = "wstd"))]
pub use bindings::wasi::{clocks::monotonic_clock, random::insecure};

// In the version that `wstd` imports, where there is `wstd`; its timers take no other's.
#[cfg(feature = "wstd")]
pub use wasip2::{clocks::monotonic_clock, random::insecure};
