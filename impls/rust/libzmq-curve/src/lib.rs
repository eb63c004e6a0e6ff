//! Builds libzmq with CURVE, behind the face that `zmq-sys` asks.

use libsodium_sys as _;
use with_options::LibLocation;

/// A build of libzmq.
#[derive(Debug, Default)]
pub struct Build;

impl Build {
    /// A build that has everything.
    pub fn new() -> Self {
        Self
    }

    /// Ignored: there is always a libsodium.
    #[must_use]
    pub fn with_libsodium(self, _: Option<()>) -> Self {
        self
    }

    /// Build and link.
    pub fn build(self) {
        let sodium = LibLocation::new(env!("SODIUM_LIB"), env!("SODIUM_INCLUDE"));
        with_options::Build::new().with_libsodium(Some(sodium)).build();
    }
}
