"""The schema's contract with a user.

Defaults are filled in. A mistake is answered in one line that names the fix.
"""

from dataclasses import fields

import pytest

from house_studies import study_of
from least_config import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.mixers import MIXERS, create, is_setting
from mixwright.study.config import read_yaml, resolve
from mixwright.study.lengths import document_tokens
from mixwright.study.reference import reference


def test_defaults_and_shapes_are_filled_in():
    study = resolve(LEAST, CONFIG)
    assert study["proxy"]["shape"]["layers"] == 2
    assert study["goal"]["max_epochs"] == 4
    assert study["mixers"]["natural"] == {}
    assert study["mixers"]["effective-data"]["tolerance"] == 1e-6


@pytest.mark.parametrize(
    "change, message",
    [
        ({"proxy": {"token": 3}}, "config: proxy.token is unknown; did you mean proxy.tokens?"),
        ({"wave": 3}, "config: wave is unknown; did you mean proxy.wave?"),
        (
            {"proxy": {"tokens": "a"}},
            "config: proxy.tokens is 'a', a str; it takes a value of type integer",
        ),
        ({"proxy": {"tokens": -1}}, "config: proxy.tokens: -1 is less than the minimum of 1"),
        ({"mixers": {"regmx": {}}}, "config: mixers.regmx is unknown; did you mean mixers.regmix?"),
        (
            {"mixers": {"regmix": {"leafs": 3}}},
            "config: mixers.regmix.leafs is unknown; did you mean mixers.regmix.leaves?",
        ),
        (
            {"mixers": {"mixmin": {"objective": "worst", "method": "em"}}},
            "config: mixers.mixmin.method em minimises the mean alone;",
        ),
        (
            {"mixers": {"least": {"like": "mixmin", "objective": "worst", "method": "published"}}},
            "config: mixers.least.method published minimises the mean alone;",
        ),
        ({"goal": {"fixed": {"z": 0.1}}}, "config: goal.fixed.z is not a domain; domains are x, y"),
        (
            {"goal": {"groups": {"g": {"domains": ["x", "z"]}}}},
            "groups: g: z is no domain; known: x, y",
        ),
        (
            {"goal": {"groups": {"g": {"domains": ["x"]}}}},
            "config: goal.groups.g.domains: ['x'] is too short",
        ),
        (
            {"goal": {"groups": {"g": {"domains": ["x", "y"], "min": 0.1}}}},
            "config: goal.groups.g.min is unknown",
        ),
        (
            {"goal": {"never_worse": ["s"]}},
            "config: goal.never_worse: s is no target; targets are t",
        ),
        ({"goal": {"caps": {"z": 0.1}}}, "config: goal.caps.z is not a domain; domains are x, y"),
        (
            {"designs": {"perturb": {"base": {"x": 1.0}}}},
            "config: designs.perturb.base gives y no weight to change; give every domain some",
        ),
        ({"store": "us"}, "config: store is 'us'; did you mean use?; it takes use or refresh"),
        (
            {"designs": {"swarm": {"around": "naturel"}}},
            "config: designs.swarm.around is 'naturel'; it takes natural, uniform, or weights by",
        ),
        (
            {"designs": {"swarm": {"around": {"x": 0.5}}}},
            "config: designs.swarm.around: the weights sum to 0.5; make them sum to 1",
        ),
        # of several types that a key takes, the fault is that of the one that was written
        (
            {"transfer": {"tokens": [50_000, 5e4]}},
            "config: transfer.tokens: [50000, 50000] has non-unique elements; list each once",
        ),
        (
            {"transfer": {"tokens": ["50k", 80_000]}},
            "config: transfer.tokens.0 is '50k', a str; it takes a value of type integer: write",
        ),
        ({"transfer": {"tokens": 0}}, "config: transfer.tokens: 0 is less than the minimum of 1"),
        (
            {"goal": {"never_worse": ["t", "t"]}},
            "config: goal.never_worse: ['t', 't'] has non-unique elements; list each once",
        ),
        (
            {"goal": {"never_worse": [False]}},
            "config: goal.never_worse is [False]; it takes all, or a list of targets, its names in",
        ),
        (
            {"targets": {"q": {}}},
            "config: targets.q has no source and is not a domain; give it a source",
        ),
        (
            {"targets": {"x": {"source": "installed"}}},
            "config: targets.x has a domain's name and a source of its own",
        ),
        ({"targets": {"t": {"source": "files"}}}, "config: targets.t.files is missing"),
        (
            {"targets": {"t": {"source": "installed", "weight": 0}}},
            "config: the weights of all targets are 0",
        ),
        (
            {"proxy": {"model": "proxy-1m-8k"}},
            "config: proxy.model proxy-1m-8k has a vocabulary of 8192; "
            "set tokenizer.vocabulary to 8192, or take another model",
        ),
        ({"proxy": {"model": "tinny"}}, "config: proxy.model tinny is unknown; did you mean tiny?"),
        ({"domains": 3}, "config: domains is 3, a int; it takes a value of type object"),
        (
            {"proxy": {"optimizer": {"lr": 1}}},
            "config: proxy.optimizer.lr is unknown; known here: name, muon_lr",
        ),
        ({"study": "a/b"}, "config: study: 'a/b' does not match"),
        (
            {"mixers": {"mine": {"like": "mixmn"}}},
            "config: mixers.mine.like: mixmn is unknown; did you mean mixmin?",
        ),
        (
            {"mixers": {"mine": {"like": "mixmin", "tauu": 0}}},
            "config: mixers.mine.tauu is unknown; did you mean mixers.mine.tau?",
        ),
        (
            {"mixers": {"regmix": {"like": "mixmin"}}},
            "config: mixers.regmix.like: regmix is a mixer of its own",
        ),
        (
            {"mixers": {"a_b": {"like": "mixmin"}}},
            "config: mixers.a_b: a variant's name has small letters, digits and dashes",
        ),
        (
            {"final": {"batch": 7, "nodes": 2, "processes": 4}},
            "config: final.batch: 7 sequences are fewer than the 2 nodes x 4 processes that share",
        ),
        (
            {"final": {"parallel": "fsdp"}},
            "config: final.parallel: fsdp slices a model among several processes",
        ),
        (
            {"goal": {"leave_target_out": True}},
            "config: goal.leave_target_out: t is not a domain; a target to leave out is a domain",
        ),
    ],
)
def test_a_mistake_is_one_line(change, message):
    with pytest.raises(MixwrightError) as caught:
        resolve(LEAST | change, CONFIG)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_study_needs_a_name_domains_and_targets():
    with pytest.raises(MixwrightError, match=r"config: targets is missing; give it"):
        resolve({"study": "a", "domains": LEAST["domains"]}, CONFIG)


@pytest.mark.parametrize(
    "path",
    sorted(CONFIG.glob("studies/*.yaml")) + [CONFIG / "config.yaml"],
    ids=lambda path: path.stem,
)
def test_every_study_in_the_house_resolves(path):
    assert resolve(study_of(path), CONFIG)["study"]


def test_the_reference_is_generated_from_the_schema():
    assert (CONFIG / "README.md").read_text() == reference(read_yaml(CONFIG / "schema.yaml"))


# Settings without which a mixer is refused.
NEEDED = {"given": {"weights": {"x": 1}}}


@pytest.mark.parametrize("mixer", MIXERS)
def test_schema_and_mixer_agree_on_settings_and_defaults(mixer):
    """The classes and the schema have the same defaults.

    The command line takes them from the classes, a study from the schema.
    """
    schema = read_yaml(CONFIG / "schema.yaml")
    node = schema["properties"]["mixers"]["properties"][mixer]
    needed = NEEDED.get(mixer, {})
    targets = {"x": {}} if mixer == "own-data" else LEAST["targets"]
    study = resolve(LEAST | {"targets": targets, "mixers": {mixer: dict(needed)}}, CONFIG)
    filled = study["mixers"][mixer]
    settings = set(node.get("properties", {}))
    unfitted = create(mixer, needed)
    assert settings == {part.name for part in fields(unfitted) if is_setting(part)}
    assert {name: getattr(unfitted, name) for name in filled} == filled


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"learner": "masked-lm"},
            "config: proxy.model tiny is no model for learner masked-lm; "
            "take bert-base, micro-bert, short-bert, small-bert, tiny-bert",
        ),
        (
            {"final": {"model": "bert-base"}},
            "config: final.model bert-base is no model for learner causal-lm; "
            "take gpt2-large, micro, micro-gpt2, micro-neox, proxy-1m, "
            "proxy-1m-8k, proxy-60m, pythia-160m, pythia-160m-1k, pythia-410m-1k, small, tiny, "
            "tinyllama-1b",
        ),
    ],
)
def test_a_model_fits_its_learner(change, message):
    with pytest.raises(MixwrightError) as error:
        resolve(LEAST | change, CONFIG)
    assert str(error.value) == message


def test_a_document_counts_with_the_longest_context_of_the_models_that_are_trained():
    def limit(**changes):
        return resolve(LEAST | changes, CONFIG)["evaluation"]["document_tokens"]

    long = {"model": "proxy-1m-8k"}
    roomy = {"vocabulary": 8192}
    assert limit() == 512
    assert limit(proxy=long, tokenizer=roomy) == limit(final=long, tokenizer=roomy) == 2048
    assert limit(transfer=long, tokenizer=roomy) == 2048
    # A final that is not trained has no say.
    assert limit(final=long, tokenizer=roomy, finals="none") == 512
    assert limit(evaluation={"document_tokens": 100}) == 100
    assert limit(evaluation={"document_tokens": None}) is None


def test_a_stated_context_of_finals_counts_in_place_of_their_shapes():
    config = {"evaluation": {"document_tokens": "auto"}, "proxy": {"shape": {"context": 128}}}
    config["final"] = {"shape": {"context": 8192}, "context": 1024}
    assert document_tokens(config, ["proxy", "final"]) == 1024
    assert document_tokens(config, ["proxy"]) == 512
