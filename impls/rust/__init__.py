"""The Rust tokenizer as an implementation: in this process, with objects or with columns."""

from impls.rust.backend import columns_factory, factory

__all__ = ["columns_factory", "factory"]
