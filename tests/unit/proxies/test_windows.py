"""Windows: every scored token once, with half a context before it."""

import numpy as np
import pytest

from mixwright.corpus.shards import Examples
from mixwright.proxies.windows import causal_spans, causal_windows


@pytest.mark.parametrize("context", [1, 2, 3, 8, 9, 32])
def test_each_scored_token_is_predicted_once_with_half_a_context_before_it(context):
    rng = np.random.default_rng(context)
    for _ in range(300):
        length = int(rng.integers(2, 6 * context + 4))
        scored = int(rng.integers(1, length))
        start = int(rng.integers(0, 50))
        at = start + scored
        spans = list(causal_spans(start, start + length, at, context))
        for first, end in spans:
            # The last token is predicted and not read.
            assert start <= first and end - 1 - first <= context
            assert end > at
            for token in range(at, end):
                assert token > first
                assert first == start or token - first >= context / 2
            at = end
        assert at == start + length
        if length - 1 <= context:
            assert spans == [(start, start + length)]
        if length - scored <= context // 2:
            # A short answer is in one window, with all the context that it holds.
            assert len(spans) == 1
            assert spans[0][0] == max(start, start + length - 1 - context)


def test_a_long_text_is_read_at_most_twice():
    for context in (8, 128):
        for length in (context + 2, 3 * context, 100 * context + 1):
            spans = list(causal_spans(0, length, 1, context))
            read = sum(end - 1 - first for first, end in spans)
            assert read <= 2 * length


@pytest.mark.parametrize("by_token", [False, True])
def test_windows_hold_the_tokens_of_their_texts(by_token):
    rng = np.random.default_rng(0)
    rows = []
    for before, after in ((0, 30), (17, 3), (0, 8), (40, 25), (0, 1)):
        rows.append((rng.integers(1, 99, before), rng.integers(1, 99, after), 1))
    texts = {"a": Examples.of(rows[:2], 0), "b": Examples.of(rows[2:], 0)}
    counted: dict[int, list[int]] = {}
    for window in causal_windows(texts, 8, by_token):
        assert len(window.tokens) <= 8
        assert len(window.places) == len(window.labels) == len(window.columns) > 0
        # What is read after a place is what it predicts.
        inner = window.places[:-1]
        assert (window.tokens[inner + 1] == window.labels[:-1]).all()
        for column, label in zip(window.columns.tolist(), window.labels.tolist(), strict=True):
            counted.setdefault(column, []).append(label)
    if by_token:
        labels = [counted[column][0] for column in sorted(counted)]
        assert all(len(of_column) == 1 for of_column in counted.values())
        assert labels == np.concatenate([scored for _, scored, _ in rows]).tolist()
    else:
        assert [counted[column] for column in range(5)] == [
            scored.tolist() for _, scored, _ in rows
        ]
