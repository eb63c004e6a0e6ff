//! Hands on where libsodium was built.

use std::env;

fn main() {
    for (variable, metadata) in [("SODIUM_LIB", "DEP_SODIUM_LIB"), ("SODIUM_INCLUDE", "DEP_SODIUM_INCLUDE")] {
        println!("cargo:rerun-if-env-changed={metadata}");
        println!("cargo:rustc-env={variable}={}", env::var(metadata).unwrap_or_default());
    }
}
