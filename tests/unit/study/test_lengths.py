"""How many tokens a model reads."""

import pytest

from mixwright.study.lengths import read_a_scored


@pytest.mark.parametrize(
    ("context", "longest", "read"),
    [(512, 512, 1.0), (1024, 512, 1.0), (128, 512, 1.75), (64, 512, 15 / 8), (128, None, 2.0)],
)
def test_long_documents_are_read_up_to_twice(context, longest, read):
    config = {
        "learner": "causal-lm",
        "evaluation": {"document_tokens": longest},
        "proxy": {"shape": {"context": context}},
    }
    assert read_a_scored(config, "proxy") == pytest.approx(read)
