"""The words of headings: those of runs, settings and units, as training programs write them."""

from dataclasses import replace

from mixwright.learners import ACCURACY, LOSS, PERPLEXITY, SCORE, Metric


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Columns of these words say which run a row is.
IDENTITIES = _set(
    "run runs name index id ids uid uuid sha hash experiment exp trial job model mixture mix config"
    " sample row"
)
# Of these, words that name nothing else.
RUNS = _set("run runs uuid experiment exp")
# Headings of columns that number the rows and no more, where their numbers do.
ROW_NUMBERS = ("", "index", "level 0", "row")
# Settings and counters of a training run. A heading of these words alone is no domain and no
# target.
SETTINGS = _set(
    "step steps iteration iterations iter epoch epochs lr wd decay seed seeds token tokens flop"
    " flops param params parameters warmup batch runtime timestamp time seconds second sec minutes"
    " hours date duration throughput mfu norm momentum dropout temperature walltime gpu gpus memory"
    " width depth layers heads samples examples total sum iters cpu hidden ctx created zeros flos"
    " ram disk watts power utilization beta1 beta2 eps epsilon clip checkpoint ckpt hour minute day"
    " host rank dim temp eta"
)
# Of these, words that also name texts: alone they say nothing.
ALSO_TEXTS = _set(
    "time date hour hours minute minutes day second seconds power memory disk total sum samples"
    " examples heads depth width host rank dim batch momentum temperature checkpoint hidden created"
    " decay norm"
)
# Words that go with these.
BESIDE_SETTINGS = _set(
    "x hp hparams learning rate weight grad gradient global num n max min peak final initial size"
    " per wall train training trainer eval val args metric metrics mem count number of model"
    " context sequence length perf created relative process step system seen consumed"
    " processed hidden embedding ff ctx world percent used allocated time at ratio rate s it ms"
    " second sec scheduler optimizer adam total elapsed avg mean network sent recv"
)
# Settings of several words.
SETTING_PHRASES = ("learning rate",)
# What headings of settings end with, whatever text they name: `eval_prose_samples_per_second`.
SETTING_ENDINGS = ("runtime", "per second", "preparation time", "compilation time")
# What a measurement is of, where it is not of one text.
GENERIC = _set("train training val valid validation eval evaluation test dev metric metrics lm avg")
HELD_OUT = _set("val valid validation eval evaluation test dev heldout")
# Terms of a training loss beside that of the text.
TRAINING_TERMS = _set("aux auxiliary z router balancing balance regularization scale")
# What a training loss may be beside: how it was taken from many steps.
TAKEN = _set("step epoch final last best min ema smooth smoothed running moving average mean")
# Last words of what is known of the runs behind a number, as `prose_min` beside `prose_mean`.
SPREADS = _set("lower upper lb ub min max ci ci95 var variance iqr count n nobs")
# Measures that are best where they are low, whatever else their headings say.
ADVERSE = _set(
    "toxicity toxic bias biased harm harmfulness hallucination hallucinations contamination"
    " memorization distance gap regret penalty forgetting calibration latency"
)
LOG_LIKELIHOODS = ("log likelihood", "loglikelihood", "log prob", "logprob")
# What summarises other columns.
SUMMARIES = _set("mean avg average macro micro overall all total")
# Questions that are mostly measured as accuracies. Their names alone do not say so.
BENCHMARKS = _set(
    "mmlu arc hellaswag piqa winogrande boolq gsm8k humaneval mbpp triviaqa truthfulqa sciq"
    " openbookqa obqa copa race squad naturalqs nq drop ifeval bbh math500 agieval gpqa siqa"
    " commonsenseqa csqa ceval cmmlu logiqa webqs lambada blimp glue superglue qqp mnli rte wic wsc"
)
# Benchmarks whose answers are rated, mostly from 1 to 10.
RATED = _set("bench mtbench wildbench livebench arena")
# Measures from -1 to 1.
CORRELATIONS = _set("mcc pearson pearsonr spearman spearmanr kendall")
STANDARD_ERRORS = _set("stderr std stddev sem")
ERROR_RATE = Metric("loss", "error rate", "errors")
BITS = replace(LOSS, title="bits/byte", unit="bits/byte")
CHARACTERS = replace(LOSS, title="bits/character", unit="bits/character")
# Words that tell what numbers are. Longer phrases come first.
PHRASES: tuple[tuple[str, Metric], ...] = (
    ("log ppl", LOSS),
    ("log perplexity", LOSS),
    ("bits", replace(LOSS, unit="bits")),
    ("bits per byte", BITS),
    ("bits byte", BITS),
    ("bits per character", CHARACTERS),
    ("bits per char", CHARACTERS),
    ("nats per token", LOSS),
    ("nats token", LOSS),
    ("cross entropy", LOSS),
    ("exact match", ACCURACY),
    ("pass at 1", ACCURACY),
    ("win rate", SCORE),
    ("neg log likelihood", LOSS),
    ("negative log likelihood", LOSS),
    ("neg loglikelihood", LOSS),
    ("negative loglikelihood", LOSS),
    ("neg log prob", LOSS),
    ("negative log prob", LOSS),
    ("neg logprob", LOSS),
    ("negative logprob", LOSS),
    ("log likelihood", SCORE),
    ("log prob", SCORE),
    ("error rate", ERROR_RATE),
    ("acc norm", ACCURACY),
    ("ppl", PERPLEXITY),
    ("perplexity", PERPLEXITY),
    ("bpb", BITS),
    ("bpc", CHARACTERS),
    ("acc", ACCURACY),
    ("accuracy", ACCURACY),
    ("f1", ACCURACY),
    ("em", ACCURACY),
    ("mcc", ACCURACY),
    ("pearson", ACCURACY),
    ("pearsonr", ACCURACY),
    ("spearman", ACCURACY),
    ("spearmanr", ACCURACY),
    ("kendall", ACCURACY),
    ("auc", ACCURACY),
    ("roc auc", ACCURACY),
    ("top1", ACCURACY),
    ("acc@1", ACCURACY),
    ("acc@5", ACCURACY),
    ("hits@1", ACCURACY),
    ("top5", ACCURACY),
    ("top 1", ACCURACY),
    ("top 5", ACCURACY),
    ("acc1", ACCURACY),
    ("acc5", ACCURACY),
    ("precision", ACCURACY),
    ("recall", ACCURACY),
    ("correct", ACCURACY),
    ("success rate", ACCURACY),
    ("pass rate", ACCURACY),
    ("solve rate", ACCURACY),
    ("hit rate", ACCURACY),
    ("auroc", ACCURACY),
    ("mc1", ACCURACY),
    ("mc2", ACCURACY),
    ("pass@1", ACCURACY),
    ("pass@k", ACCURACY),
    ("loglikelihood", SCORE),
    ("logprob", SCORE),
    ("winrate", SCORE),
    ("score", SCORE),
    ("reward", SCORE),
    ("elo", SCORE),
    ("bleu", SCORE),
    ("bleu4", SCORE),
    ("rouge", SCORE),
    ("rouge1", SCORE),
    ("rouge2", SCORE),
    ("rougel", SCORE),
    ("chrf", SCORE),
    ("err", ERROR_RATE),
    ("error", ERROR_RATE),
    ("wer", ERROR_RATE),
    ("cer", ERROR_RATE),
    ("brier", replace(LOSS, title="Brier score", unit="Brier score")),
    ("mse", replace(LOSS, title="mse", unit="mse")),
    ("rmse", replace(LOSS, title="rmse", unit="rmse")),
    ("mae", replace(LOSS, title="mae", unit="mae")),
    ("nll", LOSS),
    ("xent", LOSS),
    ("ce", LOSS),
    ("nats", LOSS),
    ("crossentropy", LOSS),
    ("loss", LOSS),
    ("losses", LOSS),
)
# Single words of units, and those of phrases that are nothing else.
UNIT_WORDS = _set("norm exact match bits per byte nats token pass") | frozenset(
    phrase for phrase, _ in PHRASES if " " not in phrase
)
