//! The lattice between processes: wRPC, over a NATS server.

mod codec;
