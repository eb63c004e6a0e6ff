//! The pinned tokenizers, for tests that need them.

use std::env;
use std::path::PathBuf;

const UNSET: &str = "TOKPARITY_TOKENIZERS must list the tokenizers' folders: \
    run `nox -s rust`, or set it to what `parity fetch` prints, joined by colons";

/// A tokenizer's name and folder.
pub struct Pinned {
    pub name: String,
    pub folder: PathBuf,
}

/// The tokenizers that `TOKPARITY_TOKENIZERS` lists; `nox -s rust` sets it.
pub fn pinned() -> Vec<Pinned> {
    let listed = env::var("TOKPARITY_TOKENIZERS").expect(UNSET);
    let found: Vec<Pinned> = env::split_paths(&listed)
        .map(|folder| {
            let stem = folder.file_name().unwrap().to_string_lossy().into_owned();
            let name = stem.rsplit_once('-').unwrap().0.to_owned();
            Pinned { name, folder }
        })
        .collect();
    assert!(!found.is_empty(), "{UNSET}");
    found
}
