"""All that a reader should distrust because of the text: what was lost, split, or not asked."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mixwright.corpus.counts import Extent
from mixwright.report.answered import question_caveats
from mixwright.report.caveats import Caveat
from mixwright.report.corpus_caveats import Counts, corpus_caveats
from mixwright.report.repetition_caveats import repetition_caveats, settled
from mixwright.report.split_caveats import split_caveats
from mixwright.study.epochs import AUTO, WHOLE
from mixwright.study.study import Study


def text_caveats(
    study: Study,
    manifests: Sequence[Mapping[str, Any]],
    texts: Counts,
    design: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
    sizes: Mapping[str, Extent],
) -> list[Caveat]:
    """Returns them; what was left out of targets comes last, for it turns least over.

    Args:
        study: the study.
        manifests: the manifest of each domain that was learned from.
        texts: target -> what was counted when its text was read.
        design: a DESIGN table of all proxies.
        mixtures: the proposals.
        sizes: domain -> what its source and its sample hold.
    """
    limit = study.config.get("corpus", {}).get("target_bytes")
    caveats = [*split_caveats(study, manifests), *question_caveats(texts)]
    caveats += repetition_caveats(study, design, mixtures, sizes)
    # a run of these roles reads all there is, whatever the others do
    whole = WHOLE if study.proxy.get("simulated_epochs") == AUTO else frozenset()
    epochs_of = settled(study, sizes).epochs_of
    return caveats + corpus_caveats(
        manifests, texts, design, mixtures, sizes, epochs_of, limit, whole
    )
