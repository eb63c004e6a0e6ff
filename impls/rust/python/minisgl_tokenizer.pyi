"""The tokenizer and streaming detokenizer of an LLM server, exact to mini-sglang's worker."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, final, type_check_only

from typing_extensions import Buffer

__all__ = ["FrameWorker", "TokenizerWorker"]

@type_check_only
class TokenizeRequest(Protocol):
    """A prompt: a text, or a conversation as a list of maps."""

    @property
    def uid(self) -> int: ...
    @property
    def prompt(self) -> str | Sequence[Mapping[str, str]]: ...

@type_check_only
class DetokenizeRequest(Protocol):
    """One token of the stream `uid`, which ends with it if `finished`."""

    @property
    def uid(self) -> int: ...
    @property
    def next_token(self) -> int: ...
    @property
    def finished(self) -> bool: ...

@final
class TokenizerWorker:
    """The tokenizer of a folder, and the streams that it turns back into text.

    Safe to use from many threads; the interpreter's lock is not held while it works.
    """

    def __new__(cls, tokenizer_dir: str | os.PathLike[str]) -> TokenizerWorker:
        """Load a folder with tokenizer.json, tokenizer_config.json and perhaps chat_template.jinja.

        Raises `ValueError` if it can't be used.
        """

    def tokenize(self, requests: Sequence[TokenizeRequest]) -> list[memoryview]:
        """Encode a batch of prompts, special tokens added: an array of int32 a request.

        Raises `ValueError` that names the uid if one can't be encoded, `TypeError` if one is no prompt.
        """

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> list[str]:
        """Feed a batch of tokens: one chunk of new text a request.

        Raises `ValueError` for a uid below 0 or not below 2^64 or a token below 0 or not below 2^32;
        no stream has changed then.
        """

    def detokenize_columns(self, uids: Buffer, tokens: Buffer, finished: Buffer) -> list[str]:
        """`detokenize` for a batch in columns of equal length.

        `uids` holds 64-bit integers, `tokens` 32-bit or 64-bit integers, `finished` booleans or bytes.
        """

    def abort(self, uid: int) -> None:
        """Forget a stream: its next token begins a new one. Raises `ValueError` for what is no uid."""

    def open_streams(self) -> int:
        """How many streams anything is kept of."""

@final
class FrameWorker:
    """Answers frames of mini-sglang's wire with the tokenizer of a folder, and keeps the streams that they are about.

    Safe to use from many threads, if the frames of a stream come from one; the interpreter's lock is held while frames
    are taken and read, not while they are answered.
    """

    def __new__(
        cls,
        tokenizer_dir: str | os.PathLike[str],
        *,
        local_bs: int,
        max_frame_bytes: int,
        max_prompt_characters: int,
    ) -> FrameWorker:
        """Load a folder as `TokenizerWorker` does. Raises `ValueError` if it can't be used, or `local_bs` is 0."""

    def answer(
        self, take: Callable[[], bytes | None]
    ) -> tuple[list[bytes], list[bytes], list[tuple[str, str, int | None]]]:
        """Answer the frames that `take` gives until it gives None, or until there are `local_bs` messages.

        Frames for the front end, frames for the back end, and what has no answer: a code, a printable line that says
        why, and the uid if it has one. Raises what `take` raises, and `TypeError` if it gives anything else; frames
        that were taken before that have no answer.
        """
