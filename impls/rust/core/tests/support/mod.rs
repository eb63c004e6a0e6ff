//! The pinned tokenizers, for tests that need them.

use std::env;
use std::path::{Path, PathBuf};

const UNSET: &str = "TOKPARITY_TOKENIZERS must list the tokenizers' folders: \
    run `nox -s rust`, or set it to what `parity fetch` prints, joined by colons";

/// A tokenizer's name and folder, and its goldens.
pub struct Pinned {
    pub name: String,
    pub folder: PathBuf,
    pub goldens: PathBuf,
}

/// The tokenizers that `TOKPARITY_TOKENIZERS` lists; `nox -s rust` sets it.
pub fn pinned() -> Vec<Pinned> {
    let listed = env::var("TOKPARITY_TOKENIZERS").expect(UNSET);
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../goldens");
    let found: Vec<Pinned> = env::split_paths(&listed)
        .map(|folder| {
            let stem = folder.file_name().unwrap().to_string_lossy().into_owned();
            let name = stem.rsplit_once('-').unwrap().0.to_owned();
            Pinned { goldens: goldens.join(&name), name, folder }
        })
        .collect();
    assert!(!found.is_empty(), "{UNSET}");
    found
}
