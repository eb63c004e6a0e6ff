"""An independent tokenizer and streaming detokenizer in pure Python.

It answers exactly what the reference answers, its offset defects included, but never decodes a
window again: the text of each token is made once, and a stream keeps only what can still change.
"""

from __future__ import annotations

from impls.python.backend import PythonBackend, factory

__all__ = ["PythonBackend", "factory"]
