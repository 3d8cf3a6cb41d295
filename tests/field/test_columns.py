"""What a column is: a domain, a target, and of what kind and unit. Doubt is an error."""

import logging
import re

import numpy as np
import pandas as pd
import pytest

import mixwright
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.learners import ACCURACY, LOSS
from mixwright.measured.headings import match_name, metric_of, no_target, short_names, stem
from mixwright.measured.runs import read_measured
from run_tables import DOMAINS, TARGETS, same, swarm, write

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def plain():
    return mixwright.read_runs(*swarm())


def shares(runs=24, seed=1):
    return RNG(seed).uniform(0.1, 0.6, runs).round(5)


def refused(message, *tables, **options):
    with pytest.raises(MixwrightError, match=message) as error:
        mixwright.read_runs(*tables, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# accuracies


@pytest.mark.parametrize(
    "headings",
    [
        ("arc_easy/acc,none", "piqa/acc,none"),
        ("hellaswag_acc_norm", "boolq_accuracy"),
        ("squad.f1", "triviaqa.exact_match,flexible-extract"),
        ("evalAcc", "humaneval/pass@1"),
    ],
)
def test_accuracies_are_known_by_their_headings_and_turned(headings):
    mixtures, _ = swarm()
    values = np.column_stack([shares(seed=1), shares(seed=2)])
    losses = pd.DataFrame(values, columns=list(headings))
    losses.insert(0, "run", mixtures.run)
    runs = mixwright.read_runs(mixtures, losses)
    assert set(runs.targets) == set(headings), "the words that tell the unit stay"
    for name in headings:
        assert runs.metric(name).name == "accuracy" and runs.metric(name).higher
        k = runs.targets.index(name)
        np.testing.assert_allclose(runs.losses[:, k], -np.log(losses[name]), rtol=1e-12)
        np.testing.assert_allclose(runs.measured[:, k], losses[name], rtol=1e-12)


def test_percent_is_told_from_shares():
    mixtures, losses = swarm()
    as_share = mixwright.read_runs(mixtures, losses.assign(arc_acc=shares()))
    percent = mixwright.read_runs(mixtures, losses.assign(arc_acc=100 * shares()))
    assert percent.metric("arc_acc").whole == 100
    np.testing.assert_allclose(percent.losses, as_share.losses, rtol=1e-12)
    refused("around 1 under a heading of acc", mixtures, losses.assign(arc_acc=2.2 * shares()))
    refused("outside 0 to 100", mixtures, losses.assign(arc_acc=-shares()))


def test_bare_numbers_from_0_to_1_are_asked_about():
    mixtures, losses = swarm()
    losses = losses.assign(arc=shares(), piqa=shares(seed=5))
    text = refused("arc, piqa have values from 0 to 1", mixtures, losses)
    assert "--higher-better arc piqa" in text and "--unit arc=nats/token" in text
    runs = mixwright.read_runs(mixtures, losses, higher_better=["arc", "piqa"])
    assert runs.metric("arc").name == "accuracy" and runs.metric("prose") == LOSS
    runs = mixwright.read_runs(mixtures, losses, unit={"arc": "bits/byte", "piqa": "bits/byte"})
    assert runs.metric("arc").unit == "bits/byte" and not runs.metric("arc").higher
    words = {"arc": "accuracy,questions=1172,chance=.25", "piqa": "accuracy"}
    runs = mixwright.read_runs(mixtures, losses, metric=words)
    assert runs.metric("arc").questions == 1172


def test_a_low_loss_of_a_domain_s_own_text_is_known_by_its_fall():
    mixtures, losses = swarm()
    falling = 0.9 - 0.5 * mixtures.code
    runs = mixwright.read_runs(mixtures, losses.assign(code=falling))
    assert runs.metric("code") == LOSS
    refused("from 0 to 1", mixtures, losses.assign(code=1 - falling))
    text = "rise as the weight of their domain grows"
    refused(text, mixtures, losses.assign(code=3 + 8 * mixtures.code))


def test_what_is_no_loss_by_its_range_is_asked_about():
    mixtures, losses = swarm()
    cases = {
        "over 13.8 nats": 20 + 400 * shares(),
        "below 0": shares() - 0.3,
        "only rise": np.arange(1000, 1024),
        "percent of right answers or losses": None,
    }
    for message, values in cases.items():
        name = "gsm8k" if values is None else "thing"
        column = 3 + 10 * shares() if values is None else values
        refused(f"{name} has values .*{message}", mixtures, losses.assign(**{name: column}))
    refused("below 0", mixtures, losses.assign(val_loss=-shares()))
    assert mixwright.read_runs(mixtures, losses.assign(val_logprob=-shares()))


def test_two_measures_of_one_task_are_said(caplog):
    mixtures, losses = swarm()
    table = losses.assign(**{"arc/acc,none": shares(), "arc/acc_norm,none": shares(seed=3)})
    with caplog.at_level(logging.INFO):
        runs = mixwright.read_runs(mixtures, table)
    assert len(runs.targets) == 4
    assert "arc/acc,none and arc/acc_norm,none measure one thing" in caplog.text
    chosen = mixwright.read_runs(mixtures, table, targets=["prose", "arc/acc_norm,none"])
    assert chosen.targets == ("arc/acc_norm,none", "prose")


# perplexities and other units


@pytest.mark.parametrize("heading", ["prose_ppl", "val/prose.perplexity", "PPL prose", "prosePpl"])
def test_perplexities_become_logarithms(heading, plain):
    mixtures, losses = swarm()
    table = losses.rename(columns={"prose": heading}).assign(**{heading: np.exp(losses.prose)})
    runs = mixwright.read_runs(mixtures, table)
    assert heading in runs.targets and runs.metric(heading).name == "perplexity"
    k = runs.targets.index(heading)
    np.testing.assert_allclose(runs.losses[:, k], losses.prose, rtol=1e-12)


def test_a_perplexity_under_1_is_refused_with_its_line():
    mixtures, losses = swarm()
    refused(
        "row 1: x_ppl is 0.5, no perplexity", mixtures, losses.assign(x_ppl=0.5 + np.arange(24) / 3)
    )


def test_bits_stay_bits_and_a_unit_for_all_leaves_accuracies_alone():
    mixtures, losses = swarm()
    runs = mixwright.read_runs(mixtures, losses.assign(code_bpb=shares()))
    assert runs.metric("code_bpb").unit == "bits/byte" and not runs.metric("code_bpb").higher
    runs = mixwright.read_runs(mixtures, losses.assign(arc_acc=shares()), unit="bits/byte")
    assert runs.metric("arc_acc").name == "accuracy" and runs.metric("prose").unit == "bits/byte"


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("metric/prose_val_loss", "loss"),
        ("log_ppl", "loss"),
        ("val/nll", "loss"),
        ("loss/arc_acc", "accuracy"),
        ("cola_mcc", "accuracy"),
        ("reward", "score"),
        ("code/bits_per_byte", "loss"),
        ("val_wer", "loss"),
        ("prose", None),
        ("accents", None),
        ("lossless", None),
    ],
)
def test_the_words_of_a_heading_tell_the_kind(heading, kind):
    metric = metric_of(heading)
    assert (metric and metric.name) == kind


# columns that are no targets


@pytest.mark.parametrize(
    "heading",
    [
        "_step",
        "_runtime",
        "_timestamp",
        "train_loss",
        "metric/train_loss",
        "train/loss",
        "trainLoss",
        "train/global_step",
        "trainer/lr",
        "learning_rate",
        "epoch",
        "seed",
        "total_flops",
        "num_tokens",
        "grad_norm",
        "eval_runtime",
        "eval_samples_per_second",
        "batch_size",
        "router_z_loss",
        "loss_scale",
        "train_loss_step",
        "system/gpu.0.powerWatts",
        "Relative Time (Process)",
        "consumed_samples",
        "prose_stderr",
        "arc_easy/acc_stderr,none",
        "prose__MIN",
        "prose__MAX",
    ],
)
def test_what_training_logs_is_no_target_and_said(heading, plain, caplog):
    mixtures, losses = swarm()
    values = RNG(7).uniform(0, 5, 24)
    if "time" in heading:
        values = 1.7e9 + 1e4 * values
    with caplog.at_level(logging.INFO):
        runs = mixwright.read_runs(mixtures, losses.assign(**{heading: values}))
    same(runs, plain)
    assert f"losses: {heading} is left out: " in caplog.text
    named = mixwright.read_runs(
        mixtures, losses.assign(**{heading: 2 + RNG(7).random(24)}), targets=["prose", heading]
    )
    assert heading in named.targets


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ({"State": "finished"}, "words"),
        ({"train/width": 512}, "a setting or a counter"),
        ({"alpha": 0.1}, "alpha is the same in all runs and tells no mixtures apart"),
        ({"empty": np.nan}, "no number"),
        ({"loss": 2.0 + np.arange(24) % 5}, "probably of the training text"),
        ({"mean_loss": None}, "the mean of the others"),
        ({"web": "weight"}, "the weight of web"),
        ({"eval/prose_loss.1": "again"}, "pandas named it"),
    ],
)
def test_columns_without_a_measurement_of_their_own_are_left_out(column, why, caplog):
    mixtures, losses = swarm()
    losses = losses.rename(columns={name: f"eval/{name}_loss" for name in TARGETS})
    plain = mixwright.read_runs(mixtures, losses)
    name, values = next(iter(column.items()))
    if values is None:
        values = losses[["eval/prose_loss", "eval/questions_loss"]].mean(axis=1)
    elif why.startswith("the weight"):
        values = mixtures.web
    elif why.startswith("pandas"):
        values = losses["eval/prose_loss"]
    with caplog.at_level(logging.INFO):
        runs = mixwright.read_runs(mixtures, losses.assign(**{name: values}))
    same(runs, plain)
    assert f"losses: {name} is left out" in caplog.text
    assert re.search(why, caplog.text)


def test_a_domain_s_own_name_is_a_target_whatever_it_means():
    mixtures, losses = swarm()
    mixtures = mixtures.rename(columns={"web": "time", "code": "id"})
    runs = mixwright.read_runs(
        mixtures, losses.rename(columns={"prose": "time", "questions": "id"})
    )
    assert runs.targets == ("id", "time")


def test_a_loss_of_one_domain_s_training_text_stays():
    assert no_target("train/web_loss") == ""
    assert no_target("val/train_wiki_loss") == ""


# columns that are no domains


@pytest.mark.parametrize("heading", ["lr", "learning_rate", "seed", "n_tokens", "peak_lr", "wd"])
def test_settings_beside_the_weights_are_no_domains(heading, plain, caplog):
    mixtures, losses = swarm()
    for scale in (1e-5, 2e-3, 1.0, 1e9):
        table = mixtures.copy()
        table.insert(1, heading, RNG(3).uniform(0.1, 1, 24) * scale)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            same(mixwright.read_runs(table, losses), plain)
        assert f"mixtures: {heading} is left out: a setting" in caplog.text


def test_an_unknown_column_that_the_sums_do_not_need_is_no_domain(plain, caplog):
    mixtures, losses = swarm()
    for scale in (1e-3, 0.1, 1e6):
        table = mixtures.assign(zeta=RNG(4).uniform(0.2, 1, 24) * scale)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            same(mixwright.read_runs(table, losses), plain)
        assert "zeta is left out: the others sum to 1 without it" in caplog.text


@pytest.mark.parametrize("seed", range(8))
def test_noise_of_any_size_never_changes_the_domains_in_silence(seed):
    rng = RNG(100 + seed)
    mixtures, losses = swarm(seed=seed, decimals=int(rng.integers(3, 7)))
    plain = mixwright.read_runs(mixtures, losses)
    for _ in range(12):
        size = 10 ** rng.uniform(-5, 7)
        values = rng.choice([-1, 1]) * rng.uniform(0, size, 24)
        table = mixtures.assign(zeta=values)
        try:
            same(mixwright.read_runs(table, losses), plain)
        except MixwrightError as error:
            assert "--domains" in str(error)
        same(mixwright.read_runs(table, losses, domains=DOMAINS), plain)


def test_a_heading_of_runs_or_settings_that_the_sums_need_is_a_domain():
    mixtures, losses = swarm()
    for name in ("id", "index", "name", "time", "epoch"):
        table = mixtures.rename(columns={"wiki": name})
        runs = mixwright.read_runs(table, losses)
        assert name in runs.domains and len(runs.domains) == 4, name


def test_domains_in_doubt_are_refused_with_the_option():
    mixtures, losses = swarm()
    refused("--domains A B", mixtures.assign(web_copy=mixtures.web), losses)
    refused(
        "sum to 100.*--domains", mixtures.assign(**{d: 100 * mixtures[d] for d in DOMAINS}), losses
    )
    refused("sum to 1e.09", mixtures.assign(**{d: 1e9 * mixtures[d] for d in DOMAINS}), losses)
    refused("--domains wbe: .*did you mean web", mixtures, losses, domains=["wbe", "code"])
    runs = mixwright.read_runs(mixtures.assign(web_copy=mixtures.web), losses, domains=DOMAINS)
    assert runs.domains == tuple(sorted(DOMAINS))


def test_totals_and_counts_beside_shares_are_no_domains(plain):
    mixtures, losses = swarm()
    same(mixwright.read_runs(mixtures.assign(total=1.0), losses), plain)
    same(mixwright.read_runs(mixtures.assign(everything=1.0), losses), plain)
    counts = (1e9 * mixtures.web).astype(int)
    same(mixwright.read_runs(mixtures.assign(web_tokens=counts, tokens=10**9), losses), plain)


def test_domains_among_many_settings_are_known_by_how_their_headings_begin(plain):
    mixtures, losses = swarm()
    table = mixtures.rename(columns={name: f"data.{name}" for name in DOMAINS})
    rng = RNG(6)
    beside = {}
    for k in range(60):
        beside[f"config.p{k}"] = rng.integers(0, 5, 24)
        beside[f"other.x{k}"] = rng.uniform(0, 10.0 ** (k % 9), 24)
    runs = mixwright.read_runs(table.join(pd.DataFrame(beside)), losses)
    assert runs.domains == tuple(f"data.{name}" for name in sorted(DOMAINS))


def test_one_table_of_everything_is_read_as_two(plain):
    mixtures, losses = swarm()
    table = mixtures.merge(losses).assign(lr=1e-3, seed=range(24))
    same(mixwright.read_runs(table, table), plain)


def test_a_domain_that_nobody_tried_stays_a_domain():
    mixtures, losses = swarm()
    assert "law" in mixwright.read_runs(mixtures.assign(law=0.0), losses).domains


# names


def test_names_are_the_headings_and_short_forms_may_be_typed(tmp_path):
    mixtures, losses = swarm()
    mixtures = mixtures.rename(columns={name: f"train_the_{name}" for name in DOMAINS})
    losses = losses.rename(columns={name: f"val/{name}_loss" for name in TARGETS})
    fit = mixwright.fit(mixwright.read_runs(mixtures, losses), "regmix-linear")
    assert fit.domains[0] == "train_the_books" and fit.targets[0] == "val/prose_loss"
    proposal = mixwright.propose(
        fit, targets="prose", caps={"web": 0.3}, groups=["code+wiki<=0.5"], draws=0
    )
    assert list(proposal.predicted) == ["val/prose_loss"]
    assert proposal.mixture["train_the_web"] <= 0.3 + 1e-9
    short = {"web": 0.5, "code": 0.2, "wiki": 0.2, "books": 0.1}
    full = {f"train_the_{name}": share for name, share in short.items()}
    pd.testing.assert_frame_equal(mixwright.predict(fit, short), mixwright.predict(fit, full))
    path = write(tmp_path, mixtures, losses)[0]
    assert list(mixwright.predict(fit, path)) == ["val/prose_loss", "val/questions_loss"]


def test_predictions_ignore_what_is_no_domain_of_the_fit():
    mixtures, losses = swarm()
    fit = mixwright.fit(mixwright.read_runs(mixtures, losses), "regmix-linear")
    wanted = mixwright.predict(fit, mixtures[:2])
    noisy = mixtures[:2].assign(lr=1e-3, zeta=0.004, notes="x")
    np.testing.assert_array_equal(mixwright.predict(fit, noisy), wanted)


def test_units_and_numbers_are_never_cut_from_names():
    assert short_names(("prose_ppl", "questions_ppl")) == ("prose_ppl", "questions_ppl")
    assert short_names(("a/acc,none", "b/acc,none")) == ("a/acc,none", "b/acc,none")
    assert short_names(("arc_0", "arc_1")) == ("arc_0", "arc_1")
    assert stem("arc_0") != stem("arc_1")


def test_a_name_in_doubt_is_not_resolved():
    names = ("prose_loss", "prose_ppl", "code_loss")
    assert match_name("code", names) == "code_loss"
    assert match_name("prose", names) == "prose"
    assert match_name("prose_ppl", names) == "prose_ppl"


def test_whose_text_a_target_is_is_said(caplog):
    mixtures, losses = swarm()
    mixtures = mixtures.rename(columns={name: f"train_{name}" for name in DOMAINS})
    losses = losses.rename(columns={"prose": "val/web_loss", "questions": "val/chat_loss"})
    with caplog.at_level(logging.INFO):
        runs = mixwright.read_runs(mixtures, losses)
    assert runs.texts == {"val/web_loss": "train_web"}
    assert "val/web_loss is train_web" in caplog.text
    assert runs.same_text.sum() == 1
    questions = mixwright.read_runs(mixtures, losses[["run"]].assign(web_acc=shares()))
    assert not questions.texts, "questions of a domain's name are not its text"


# the command


def test_read_runs_prints_what_was_decided(tmp_path, capsys):
    mixtures, losses = swarm()
    losses = losses.assign(_step=1000, arc_acc=shares())
    paths = write(tmp_path, mixtures.assign(lr=1e-3), losses)
    words = ["read-runs", "--mixtures", str(paths[0]), "--losses", str(paths[1])]
    assert main(words) == 0
    brief = capsys.readouterr().out
    assert main([*words, "--explain"]) == 0
    full = capsys.readouterr().out
    for word in ("key", "domain", "share of 1", "nats/token", "higher is better", "left out"):
        assert word in brief and word in full
    assert "by its heading" in " ".join(full.split()) and "by its" not in brief


def test_commands_take_the_same_options(tmp_path, capsys):
    mixtures, losses = swarm()
    paths = write(tmp_path, mixtures.assign(zeta=0.0021), losses.assign(arc=shares()))
    tables = ["--mixtures", str(paths[0]), "--losses", str(paths[1])]
    options = ["--domains", *DOMAINS, "--targets", "prose", "arc", "--key", "run"]
    options += ["--metric", "arc=accuracy,questions=500"]
    fit = ["--mixer", "regmix-linear", "--to", str(tmp_path / "fit")]
    assert main(["fit", *tables, *fit]) == 1
    assert main(["fit", *tables, *options, *fit]) == 0
    assert main(["compare", *tables, *options, "--mixer", "regmix-linear", "--folds", "3"]) == 0
    curve = ["--mixer", "regmix-linear", "--to", str(tmp_path / "curve.json")]
    assert main(["learning-curve", *tables, *options, *curve]) == 0
    assert main(["read-runs", *tables, *options]) == 0
    chosen = ["--candidates", str(paths[0]), "--runs", "4", "--to", str(tmp_path / "c.csv")]
    assert main(["design", *chosen, "--domains", *DOMAINS]) == 0
    both = ["--mixtures", str(paths[0]), "--losses", str(paths[1]), str(paths[1])]
    assert main(["transfer", *both, "--domains", *DOMAINS, "--targets", "prose"]) == 0
    capsys.readouterr()


# studies of measured losses


def test_a_study_s_target_that_is_no_loss_is_refused_until_the_study_says_so(tmp_path):
    mixtures, losses = swarm()
    table = losses.assign(arc_acc=shares(), piqa=shares(seed=2), lr=1e-3)
    paths = write(tmp_path, mixtures, table)
    for name, message in (
        ("arc_acc", "measured.targets.arc_acc: .*accuracy.*set its metric to accuracy"),
        ("piqa", "piqa has values from 0 to 1.*measured.targets.piqa.metric"),
    ):
        with pytest.raises(MixwrightError, match=message):
            read_measured(*paths, {"prose": LOSS, name: LOSS}, stated=())
        runs = read_measured(*paths, {"prose": LOSS, name: ACCURACY}, stated=(name,))
        assert runs.metric(name) == ACCURACY and "lr" not in runs.targets
    assert "piqa" not in read_measured(*paths, {"prose": LOSS}, stated=()).targets


def test_a_small_domain_under_the_heading_of_a_key_is_kept():
    rng = RNG(0)
    for runs in (6, 24):
        rest = rng.dirichlet(np.ones(3), runs)
        small = rng.uniform(0.001, 0.008, runs)
        mixtures = pd.DataFrame(rest * (1 - small[:, None]), columns=["en", "th", "vi"])
        mixtures["id"] = small
        mixtures.insert(0, "run", [f"r{k}" for k in range(runs)])
        losses = pd.DataFrame({"run": mixtures.run, "chat": 3 + rng.random(runs)})
        assert "id" in mixwright.read_runs(mixtures, losses).domains, runs


def test_two_columns_of_one_domain_are_refused_when_they_are_predicted():
    mixtures, losses = swarm()
    long = mixtures.rename(columns={name: f"train_{name}" for name in DOMAINS})
    fit = mixwright.fit(mixwright.read_runs(long, losses), "regmix-linear")
    both = {"web": 0.2, "train_web": 0.2, "code": 0.2, "wiki": 0.2, "books": 0.2}
    with pytest.raises(MixwrightError, match="two columns mean one domain"):
        mixwright.predict(fit, both)


# units as people write them


@pytest.mark.parametrize(
    ("unit", "kind", "shown"),
    [
        ("acc", "accuracy", "accuracy"),
        ("acc_norm", "accuracy", "accuracy"),
        ("f1", "accuracy", "accuracy"),
        ("Percentage", "accuracy", "%"),
        ("Perplexity", "perplexity", "perplexity"),
        ("PPL", "perplexity", "perplexity"),
        ("score", "score", ""),
        ("bpb", "loss", "bits/byte"),
        ("bits per byte", "loss", "bits/byte"),
        ("nats per token", "loss", "nats/token"),
        ("nats/example", "loss", "nats/example"),
        ("bits/token", "loss", "bits/token"),
    ],
)
def test_a_unit_is_understood_however_it_is_written(unit, kind, shown):
    mixtures, losses = swarm()
    if kind == "accuracy" and shown != "%":
        losses = losses.assign(prose=losses.prose / 10, questions=losses.questions / 10)
    metric = mixwright.read_runs(mixtures, losses, unit=unit).metric("prose")
    assert (metric.name, metric.unit) == (kind, shown)


@pytest.mark.parametrize("unit", ["perplexty", "accurracy", "nat/token", "bits/bytes", "percents"])
def test_a_misspelt_unit_is_refused(unit):
    refused(f"--unit prose={unit}: {unit} is no unit; did you mean", *swarm(), unit=f"prose={unit}")


# columns beside the targets


def test_what_trainers_log_of_each_text_is_no_target(plain):
    mixtures, losses = swarm()
    for text in TARGETS:
        losses[f"eval_{text}_runtime"] = RNG(1).uniform(3.1, 3.4, 24)
        losses[f"eval_{text}_steps_per_second"] = RNG(2).uniform(2.0, 2.2, 24)
        losses[f"eval_{text}_samples_per_second"] = RNG(3).uniform(40, 44, 24)
        losses[f"eval_{text}_model_preparation_time"] = RNG(4).uniform(0.002, 0.004, 24)
    assert mixwright.read_runs(mixtures, losses).targets == plain.targets


@pytest.mark.parametrize(
    "form", ["{:.3f} ± 0.011", "{:.3f}±.01", "{:.3f} +/- 0.011", "{:.3f} (0.01)"]
)
def test_numbers_with_their_errors_are_refused_and_not_left_out(form):
    mixtures, losses = swarm()
    losses["prose"] = [form.format(value) for value in losses.prose]
    refused("prose is .*, no finite number; write it with a point", mixtures, losses)


@pytest.mark.parametrize("heading", ["prose", "eval/prose_loss", "prose_bpb"])
def test_zeros_among_losses_are_doubted(heading):
    mixtures, losses = swarm()
    losses.loc[:2, "prose"] = 0
    losses = losses.rename(columns={"prose": heading})
    message = "of exactly 0 beside others over 1 .leave a cell empty where nothing was measured"
    refused(message, mixtures, losses)
    mixwright.read_runs(mixtures, losses, unit=f"{heading}=nats/token")


@pytest.mark.parametrize(
    "heading", ["prose_neg_log_likelihood", "prose/negative_logprob", "negative log prob prose"]
)
def test_negative_log_likelihoods_are_losses(heading):
    mixtures, losses = swarm()
    runs = mixwright.read_runs(mixtures, losses.rename(columns={"prose": heading}))
    assert not runs.metric(heading).higher


@pytest.mark.parametrize("heading", ["prose_loglikelihood", "prose/log_prob"])
def test_positive_log_likelihoods_are_doubted(heading):
    mixtures, losses = swarm()
    renamed = losses.rename(columns={"prose": heading})
    refused("above 0, which no logarithm of a probability is", mixtures, renamed)


@pytest.mark.parametrize("heading", ["toxicity_score", "bias score", "1-acc", "1 - f1"])
def test_scores_that_are_best_low_are_doubted(heading):
    mixtures, losses = swarm()
    losses[heading] = shares()
    refused("less is probably better", mixtures, losses)
    runs = mixwright.read_runs(mixtures, losses, unit=f"{heading}=errors")
    assert not runs.metric(heading).higher


def test_training_losses_are_no_targets_however_they_were_taken(plain):
    mixtures, losses = swarm()
    for name in ("final_train_loss", "train_loss_ema", "smoothed_train_loss", "min_train/loss"):
        losses[name] = losses.prose - RNG(1).uniform(0.2, 0.3, 24)
    assert mixwright.read_runs(mixtures, losses).targets == plain.targets


def test_a_table_of_means_over_seeds_has_its_means_as_targets():
    mixtures, losses = swarm()
    again = losses.assign(prose=losses.prose + RNG(1).normal(0, 0.01, 24))
    groups = pd.concat([losses, again, losses[:9]]).groupby("run")
    table = groups[list(TARGETS)].agg(["mean", "std", "min", "max", "count"])
    table.columns = ["_".join(pair) for pair in table.columns]
    runs = mixwright.read_runs(mixtures, table.reset_index())
    assert runs.targets == ("prose_mean", "questions_mean")


# languages as names


def test_predictions_name_their_rows_beside_a_target_called_id(tmp_path):
    mixtures, losses = swarm()
    mixtures = mixtures.rename(columns={"web": "no", "code": "is"})
    losses = losses.rename(columns={"prose": "id", "questions": "no"})
    paths = write(tmp_path, mixtures, losses)
    new = write(tmp_path / "new", mixtures.rename(columns={"run": "id"})[:3], losses)[0]
    to = tmp_path / "predicted.csv"
    fit = ["fit", "--mixer", "effective-data", "--to", tmp_path / "fit"]
    fit += ["--mixtures", paths[0], "--losses", paths[1]]
    predict = ["predict", "--fit", tmp_path / "fit", "--mixtures", new, "--to", to]
    for command in (fit, predict):
        assert not main([str(word) for word in command])
    assert to.read_text().splitlines()[0] == "run,id,no"


# what Python callers give in place of tables and names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"higher_better": True}, "read_runs: True names no column; give a list of headings"),
        ({"targets": 3}, "read_runs: 3 names no column"),
        ({"key": 0}, "--key 0: no column of the tables"),
    ],
)
def test_arguments_of_another_kind_are_refused(options, message):
    refused(message, *swarm(), **options)


def test_arrays_are_no_tables():
    mixtures, losses = swarm()
    refused("mixtures: ndarray is no table; give a DataFrame or a path", mixtures.values, losses)
    fit = mixwright.fit(mixwright.read_runs(mixtures, losses))
    with pytest.raises(MixwrightError, match=r"predict by mixwright.predict\(fit, mixtures\)"):
        fit.predict(mixtures)


def test_columns_may_be_numbers():
    mixtures, losses = swarm()
    runs = mixwright.read_runs(
        mixtures.rename(columns={"run": 7, "web": 0}),
        losses.rename(columns={"run": 7, "prose": 1, "questions": 2}),
        key=7,
        targets=[1],
    )
    assert runs.targets == ("1",) and "0" in runs.domains


@pytest.mark.parametrize(
    "form",
    [
        "tensor({:.4f})",
        "tensor({:.4f}, device='cuda:0', grad_fn=<NllLossBackward0>)",
        "np.float64({:.4f})",
        "[{:.4f}]",
        "{{'loss': {:.4f}}}",
    ],
)
def test_numbers_as_python_prints_them_are_refused_and_not_left_out(form):
    mixtures, losses = swarm()
    losses["prose"] = [form.format(value) for value in losses.prose]
    refused("prose is .*, no finite number", mixtures, losses)


def test_settings_of_several_numbers_are_left_out(plain):
    mixtures, losses = swarm()
    losses["betas"] = ["(0.9, 0.95)"] * 24
    losses["optimizer"] = ["adam(betas=(0.9, 0.95))"] * 24
    losses["notes"] = ["phase (1)"] * 24
    assert mixwright.read_runs(mixtures, losses).targets == plain.targets


def test_zeros_of_a_benchmark_may_be_percent():
    mixtures, losses = swarm()
    losses = losses.rename(columns={"prose": "gsm8k"})
    losses.loc[:4, "gsm8k"] = 0.0
    refused("gsm8k has values that may be percent of right answers or losses", mixtures, losses)


@pytest.mark.parametrize(
    "options", [{"unit": "percent"}, {"metric": "accuracy,whole=100"}, {"unit": {"arc": "%"}}]
)
def test_shares_that_are_called_percent_are_refused(options):
    mixtures, losses = swarm()
    losses["arc"] = shares()
    message = "arc is 0[.][0-9]+, and no number of this target is over 1 percent; multiply"
    refused(message, mixtures, losses[["run", "arc"]], **options)


@pytest.mark.parametrize("heading", ["mt_bench", "LiveBench-arena", "arena_hard"])
def test_ratings_are_doubted(heading):
    mixtures, losses = swarm()
    renamed = losses.rename(columns={"prose": heading})
    refused("may be ratings, of which more is better", mixtures, renamed)


def test_bits_are_no_nats():
    mixtures, losses = swarm()
    runs = mixwright.read_runs(mixtures, losses.rename(columns={"prose": "prose_bits"}))
    assert runs.metric("prose_bits").unit == "bits"
