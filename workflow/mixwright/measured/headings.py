"""What a heading says: the name of a thing, the kind of its numbers, or that it is neither."""

import re
from collections.abc import Iterable, Sequence

from mixwright.errors import MixwrightError, as_typed, nearest
from mixwright.learners import Metric
from mixwright.measured.vocabulary import (
    ADVERSE,
    ALSO_TEXTS,
    BENCHMARKS,
    BESIDE_SETTINGS,
    CORRELATIONS,
    GENERIC,
    HELD_OUT,
    IDENTITIES,
    LOG_LIKELIHOODS,
    PHRASES,
    RATED,
    ROW_NUMBERS,
    RUNS,
    SETTING_ENDINGS,
    SETTING_PHRASES,
    SETTINGS,
    SPREADS,
    STANDARD_ERRORS,
    SUMMARIES,
    TAKEN,
    TRAINING_TERMS,
    UNIT_WORDS,
)

SEPARATORS = "_/-.: "


def words(heading: str) -> tuple[str, ...]:
    """Returns the words of a heading in small letters: `evalF1/arc_easy` is eval, f1, arc, easy."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", heading)
    small = re.findall(r"[^\W_]+(?:@\w+)?", apart.lower())
    return tuple(small)


def metric_of(heading: str) -> Metric | None:
    """Returns the kind of numbers that a heading tells of; None where it tells of none.

    The last word that tells one counts: `loss/arc_acc` is an accuracy.
    """
    text = " ".join(words(heading))
    last = -1
    metric = None
    for phrase, meaning in PHRASES:
        place = _last_place(phrase, text)
        if place > last:
            last = place
            metric = meaning
    return metric


def _last_place(phrase: str, text: str) -> int:
    """Returns where a phrase ends in a text for the last time; -1 where it is not there."""
    place = f" {text} ".rfind(f" {phrase} ")
    if place < 0:
        return -1
    return place + len(phrase)


def is_identity(heading: str) -> bool:
    """Whether a heading is one of those that say which run a row is, such as `run_id`."""
    parts = words(heading)
    return not parts or set(parts) <= IDENTITIES or is_row_number(heading)


def names_runs(heading: str) -> bool:
    """Whether a heading names runs and could be nothing else: `run`, but not `id` or `model`."""
    parts = set(words(heading))
    return bool(parts & RUNS) and parts <= IDENTITIES


def is_row_number(heading: str) -> bool:
    """Whether a heading is one that row numbers have."""
    return " ".join(words(heading)) in ROW_NUMBERS


def is_setting(heading: str) -> bool:
    """Whether a heading is that of a setting or a counter of training, such as `train/lr`."""
    if heading.startswith(("_", "system/", "system.")):
        return True
    parts = words(heading)
    if len(parts) == 1 and parts[0] in ALSO_TEXTS:
        return False
    text = " ".join(parts)
    if text.endswith(SETTING_ENDINGS):
        return True
    names_one = bool(SETTINGS & set(parts)) or any(phrase in text for phrase in SETTING_PHRASES)
    return names_one and set(parts) <= SETTINGS | BESIDE_SETTINGS


def no_domain(heading: str) -> str:
    """Returns why a heading is probably not that of a domain; empty where it may be one."""
    if is_setting(heading):
        return "a setting or a counter of training by its heading"
    if is_identity(heading):
        return "the name or number of a run by its heading"
    if metric_of(heading) is not None:
        return "a measurement by its heading"
    return ""


def no_target(heading: str) -> str:
    """Returns why a heading is not that of a target; empty where it may be one."""
    if heading.endswith(("__MIN", "__MAX")):
        return "the least or greatest value of a run, as wandb exports it"
    parts = words(heading)
    if STANDARD_ERRORS & set(parts) or "std err" in " ".join(parts):
        return "a standard error by its heading"
    if is_setting(heading):
        return "a setting or a counter of training by its heading"
    if TRAINING_TERMS & set(parts) and "loss" in parts:
        return "a term of the training loss by its heading"
    if _is_train_loss(parts):
        return "measured on the training text, which differs from mixture to mixture"
    return ""


def _is_train_loss(parts: Sequence[str]) -> bool:
    """Whether a measurement is that of the training text as a whole."""
    there = set(parts)
    if not there & {"train", "training"} or there & HELD_OUT:
        return False
    return bool(there & UNIT_WORDS) and there <= GENERIC | UNIT_WORDS | TAKEN


def is_held_out(heading: str) -> bool:
    """Whether a heading says that it was measured on text that was not trained on."""
    return bool(HELD_OUT & set(words(heading)))


def is_bare_loss(heading: str) -> bool:
    """Whether a heading says loss or perplexity and not of what: `loss`, `lm_loss`."""
    parts = set(words(heading))
    return bool(parts & {"loss", "ppl", "perplexity"}) and parts <= GENERIC | UNIT_WORDS


def is_summary(heading: str) -> bool:
    """Whether a heading says that the column is made of others."""
    return bool(SUMMARIES & set(words(heading)))


def is_correlation(heading: str) -> bool:
    """Whether a heading names a measure from -1 to 1, 1 where all answers are right."""
    return bool(CORRELATIONS & set(words(heading)))


def is_adverse(heading: str) -> bool:
    """Whether a heading names a measure that is probably best where it is low."""
    turned = re.match(r"1 ?[-\N{MINUS SIGN}] ?[a-z]", heading.lower())
    return turned is not None or bool(ADVERSE & set(words(heading)))


def is_log_likelihood(heading: str) -> bool:
    """Whether a heading names logarithms of probabilities, which are below 0."""
    text = " ".join(words(heading))
    return any(phrase in text for phrase in LOG_LIKELIHOODS)


def spread_of(heading: str, headings: Iterable[str]) -> str:
    """Returns the heading of the number whose bound or count this one is; empty: there is none.

    `prose_min` is one of `prose`, and of `prose_mean`.
    """
    parts = words(heading)
    if len(parts) < 2 or parts[-1] not in SPREADS:
        return ""
    for other in headings:
        rest = words(other)
        if rest == parts[:-1] or (rest[:-1] == parts[:-1] and rest[-1] in SUMMARIES):
            return other
    return ""


def is_rated(heading: str) -> bool:
    """Whether a heading names a benchmark whose answers are rated, such as `mt_bench`."""
    return bool(RATED & set(words(heading)))


def is_benchmark(heading: str) -> bool:
    """Whether a heading names questions that are mostly measured as accuracies."""
    return bool(BENCHMARKS & set(words(heading)))


def stem(heading: str) -> tuple[str, ...]:
    """Returns the words that name what was measured: `val/prose_loss` is prose."""
    parts = words(heading)
    rest = tuple(word for word in parts if word not in GENERIC and word not in UNIT_WORDS)
    return rest or parts


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names without the words that all of them begin with or end with.

    Such words are `train_the_pile_` and `_val_loss`. Words that tell a unit stay, and so do those
    before a number: `arc_0` is no `0`.
    """
    if len(names) < 2:
        return tuple(names)
    short = list(names)
    for direction in (1, -1):
        turned = [name[::direction] for name in short]
        common = shared_start(turned)
        rest = [name[len(common) :][::direction] for name in turned]
        if common and _may_be_cut(common[::direction], rest):
            short = rest
    return tuple(short)


def _may_be_cut(shared: str, rest: Sequence[str]) -> bool:
    """Whether what all names share may be left out, and these would be left."""
    units = UNIT_WORDS - {"loss", "losses"}
    if units & set(words(shared)):
        return False
    return all(name and not name.isdigit() for name in rest)


def shared_start(names: Sequence[str]) -> str:
    """Returns the words, with the mark behind them, that all names begin with."""
    common = _common_start(min(names), max(names))
    cut = 1 + max(common.rfind(mark) for mark in SEPARATORS)
    return common[:cut]


def _common_start(first: str, second: str) -> str:
    """Returns what both begin with."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return first[:length]


def match_name(name: str, names: Iterable[str]) -> str:
    """Returns the one of `names` that a person means by `name`.

    That is the name itself, else the only one whose short form or whose stem it is, or whose stem
    it ends: `prose` means `valid/prose_loss`. Where none or several could be meant, `name` comes
    back as it is.
    """
    known = list(names)
    if name in known:
        return name
    spoken = " ".join(words(name))
    stems = _stems(known)
    candidates = [
        [heading for heading, form in zip(known, short_names(known), strict=True) if form == name],
        [heading for heading, form in zip(known, stems, strict=True) if form == spoken],
        [heading for heading in known if heading.lower() == name.lower()],
        [heading for heading in known if f" {' '.join(stem(heading))}".endswith(f" {spoken}")],
    ]
    for headings in candidates:
        if len(headings) == 1:
            return headings[0]
    return name


def named_headings(
    option: str,
    names: Iterable[str],
    headings: Sequence[str],
    where: str,
) -> list[str]:
    """Returns the headings that a person names with an option, in their order.

    Args:
        where: what messages call the row of headings.

    Raises:
        MixwrightError: a name means no heading.
    """
    meant = []
    for name in names:
        heading = match_name(name, headings)
        if heading not in headings:
            remedy = _set_apart(option, name, headings) or nearest(name, headings)
            raise MixwrightError(f"{option} {name}: {where}: {remedy}")
        meant.append(heading)
    return meant


def _set_apart(option: str, text: str, headings: Sequence[str]) -> str:
    """Returns the remedy for names with commas between them; empty where they are none."""
    parts = [part.strip() for part in text.split(",")]
    unknown = [part for part in parts if match_name(part, headings) not in headings]
    if unknown or len(parts) < 2:
        return ""
    return f"names are set apart by blanks: {as_typed(option, *parts)}"


def paired(names: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Returns name -> the one of `known` that means the same, where either is a form of the other.

    A name that means none is left out.
    """
    pairs = {}
    back = {match_name(name, names): name for name in known}
    for name in names:
        meant = match_name(name, known)
        if meant in known:
            pairs[name] = meant
        elif name in back:
            pairs[name] = back[name]
    return pairs


def texts_of(
    targets: Sequence[str],
    domains: Sequence[str],
) -> dict[str, str]:
    """Returns target -> the domain whose text it is, by their names, where the two differ.

    Names say so where they are alike but for the words that all of them share, such as
    `train_the_pile_` and `_val_loss`, or but for words such as `valid` and `loss`.
    """
    texts: dict[str, str] = {}
    by_form = (short_names, _stems)
    for form in by_form:
        domain_forms = list(form(domains))
        target_forms = list(form(targets))
        for target, text in zip(targets, target_forms, strict=True):
            alone = domain_forms.count(text) == 1 and target_forms.count(text) == 1
            if alone and target not in texts and target not in domains:
                texts[target] = domains[domain_forms.index(text)]
    return texts


def _stems(names: Sequence[str]) -> list[str]:
    return [" ".join(stem(name)) for name in short_names(names)]
