//! PULL and PUSH sockets of ZeroMQ, on the thread that uses them.
//!
//! libzmq has a thread of its own that reads and writes, and two threads that wake each other cost more than a small
//! message does. Here the calling thread waits for all of its sockets in [`Poller::wait`], and reads and writes itself.
//!
//! What is spoken is ZMTP 3.1 with the mechanism NULL, over `ipc://` and `tcp://`, bound or connected, as libzmq 4
//! speaks it. Queues are as long as libzmq's. A message of several frames is taken as so many messages.

mod address;
mod frame;
mod handshake;
mod inbox;
mod link;
mod outbox;
mod peers;
mod poller;
mod pull;
mod push;
mod transport;

pub use address::Address;
pub use poller::{Poller, Socket};
pub use pull::Pull;
pub use push::Push;

/// Which side of a socket connects to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    /// The others connect to it.
    Bind,
    /// It connects to one other, again and again until there is one.
    Connect,
}
