"""Texts that are held out of one domain and trained on in another: when, and what is said."""

import random
import re
from dataclasses import replace

import pytest

from least_study import study
from mixwright.corpus.text_settings import TextSettings
from mixwright.report.split_caveats import split_caveats
from mixwright.study.study import Study
from source_rows import cleaned

CAP = 5_000
SETTINGS = TextSettings(validation_bytes=CAP)


def texts(name: str, count: int) -> list[str]:
    draw = random.Random(name)
    return [" ".join(f"{name}{draw.randrange(500)}" for _ in range(40)) for _ in range(count)]


def of_share(share: float) -> Study:
    return study(corpus={"validation_share": share, "validation_bytes": CAP})


def of_domains(share: float) -> tuple[list[dict], set[str]]:
    """Manifests of two domains with texts in common, and those that are in unlike splits."""
    common = texts("common", 150)
    settings = replace(SETTINGS, validation_share=share)
    manifests = []
    splits: list[dict[str, str]] = []
    for name, others in (("little", 20), ("large", 1_500)):
        documents, counts = cleaned([*common, *texts(name, others)], settings)
        manifests.append({"domain": name, "cleaning": counts})
        splits.append({document.text: document.split for document in documents})
    return manifests, {text for text in common if splits[0][text] != splits[1][text]}


def test_a_cap_that_leaves_unlike_shares_is_told_with_the_share_that_mends_it():
    manifests, leaking = of_domains(0.1)
    assert leaking
    (caveat,) = split_caveats(of_share(0.1), manifests)
    assert re.search(r"unlike shares .*: large \(0\.0\d+\), little \(0\.\d+\)\.", caveat.text)
    share = float(re.search(r"validation_share (\S+) holds", caveat.text)[1])
    manifests, leaking = of_domains(share)
    assert not leaking and split_caveats(of_share(share), manifests) == []


@pytest.mark.parametrize("domains", [[], [{"domain": "toxic", "features": 3}]])
def test_domains_without_text_have_no_splits_of_text(domains):
    assert split_caveats(of_share(0.1), domains) == []
