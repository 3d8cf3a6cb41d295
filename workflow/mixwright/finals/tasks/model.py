"""A final model as lm-evaluation-harness asks it (lm_eval 0.4.13, models/huggingface.py).

A question is read as a final is trained and scored: its text opens with the end token, and its
tokens are those of the study's tokenizer, with nothing put around them. By default the harness
opens a text with what the tokenizer's template says, which is nothing here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from torch import distributed
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from mixwright.finals.processes import Processes
from mixwright.finals.stored import check_there
from mixwright.proxies.device import prepare
from mixwright.proxies.readout import LOGITS
from mixwright.sources.tokens.tokenizer_folder import open_tokenizer, vocabulary_size

# Sequences that a search for the largest batch on a GPU starts with; it halves them.
MOST_SEQUENCES = 256

# (context and continuation as text, or None; tokens of the context; tokens of the continuation)
Request = tuple[tuple[str, str] | None, list[int], list[int]]
# log-likelihood in nats, and whether the most likely tokens were those
Answer = tuple[float, bool]


class FinalModel(HFLM):  # type: ignore[misc]
    """The model of a final's folder, in float32 on one device.

    Of several processes each has a copy, and answers its part of the questions.
    """

    def __init__(
        self, folder: str | Path, device: str, batch: int | str, processes: Processes
    ) -> None:
        """Loads model and tokenizer.

        Args:
            folder: what save_pretrained wrote.
            device: cpu or cuda.
            batch: sequences at a time; auto: by memory.
            processes: those that share the questions.

        Raises:
            MixwrightError: the folder is gone.
        """
        check_there(folder)
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        prepare(device)
        self._encoder, self._end = open_tokenizer(folder)
        self._opens = True
        self._members = processes
        # requests of which the model does not read the beginning
        self.cut = 0
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        super().__init__(
            pretrained=model.to(device),
            tokenizer=AutoTokenizer.from_pretrained(folder),
            prefix_token_id=self._end,
            max_batch_size=MOST_SEQUENCES,
        )
        self._rank = processes.rank
        self._world_size = processes.size
        self.batch_size_per_gpu = self._sequences(batch)

    def _sequences(self, batch: int | str) -> int | str:
        """Sequences at a time. On a CPU as many as LOGITS allows."""
        if batch != "auto":
            return int(batch)
        if self.device.type != "cpu":
            return batch
        vocabulary = vocabulary_size(self._encoder)
        return max(1, LOGITS // (vocabulary * self.max_length))

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """Returns the tokens of a text, after the end token unless it is not to be opened."""
        tokens: list[int] = self._encoder.encode(string, add_special_tokens=False).ids
        if add_special_tokens is False or not self._opens:
            return tokens
        return [self._end, *tokens]

    def tok_batch_encode(
        self, strings: Sequence[str], padding_side: str = "left", **settings: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the tokens of several texts that are to be continued, and which are padding."""
        most = settings.get("left_truncate_len") or self.max_length
        rows = [self.tok_encode(string)[-most:] for string in strings]
        width = max(map(len, rows))
        tokens = torch.full((len(rows), width), self._end)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for number, row in enumerate(rows):
            place = slice(width - len(row), width) if padding_side == "left" else slice(len(row))
            tokens[number, place] = torch.tensor(row)
            mask[number, place] = 1
        return tokens, mask

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[Answer]:
        """Returns the harness's answers, without its bar."""
        answers: list[Answer] = super().loglikelihood(requests, disable_tqdm=True)
        return answers

    def loglikelihood_rolling(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[float]:
        """Returns the log-likelihoods of whole texts; the harness itself opens their windows."""
        self._opens = False
        try:
            values: list[float] = super().loglikelihood_rolling(requests, disable_tqdm=True)
        finally:
            self._opens = True
        return values

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Returns what the model writes, without the harness's bar."""
        texts: list[str] = super().generate_until(requests, disable_tqdm=True)
        return texts

    def _loglikelihood_tokens(
        self,
        requests: Sequence[Request],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[Answer]:
        """Answers requests of any length.

        A continuation that is longer than the model's context, which the harness refuses, is read
        in windows of half a context.
        """
        pieces: list[Request] = []
        owners: list[int] = []
        for number, request in enumerate(requests):
            of_request = self._pieces(request)
            pieces += of_request
            owners += [number] * len(of_request)
        answers = super()._loglikelihood_tokens(pieces, disable_tqdm=True, override_bs=override_bs)
        joined: list[Answer] = [(0.0, True)] * len(requests)
        for owner, (value, greedy) in zip(owners, answers, strict=True):
            total, all_greedy = joined[owner]
            joined[owner] = (total + value, all_greedy and greedy)
        return joined

    def _pieces(self, request: Request) -> list[Request]:
        """The request itself, or the windows of a long continuation, each after all before it."""
        _, context, continuation = request
        most = self.max_length
        # the last token is predicted, and not read
        if len(context) + len(continuation) > most + 1:
            self.cut += 1
        if len(continuation) <= most:
            return [request]
        step = max(1, most // 2)
        pieces: list[Request] = []
        for start in range(0, len(continuation), step):
            before = context + continuation[:start]
            pieces.append((None, before, continuation[start : start + step]))
        return pieces

    # How processes agree: over gloo, for nothing of it is large.

    def all_gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Returns the numbers of all processes, in their order."""
        if self.world_size == 1:
            return tensor
        parts: list[Any] = [None] * self.world_size
        distributed.all_gather_object(parts, tensor.cpu(), group=self._members.group)
        return torch.cat([part.reshape(-1) for part in parts])

    def gather_object(self, obj: Any, dst: int = 0) -> list[Any] | None:
        """Returns the objects of all processes to one of them, None to the others."""
        if self.world_size == 1:
            return [obj]
        parts: list[Any] | None = None
        if self.rank == dst:
            parts = [None] * self.world_size
        distributed.gather_object(obj, parts, dst=dst, group=self._members.group)
        return parts

    def barrier(self) -> None:
        """Waits for all processes."""
        if self.world_size > 1:
            distributed.barrier(group=self._members.group)
