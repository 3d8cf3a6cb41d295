"""The fit of effective-data laws (see `law`) to the losses of runs, all targets at once.

It minimises, over theta: the logarithms of E - floor, A, b, eps and K, the logit of g, and
beta / sd,

    sum_j huber(t_j (L(w_j) - L_j) / sd) + (n / 64)^(2/3) sum_p tau_p (theta_p - mu_p)^2

    L_j      measured loss of run j, nats/token
    L(w_j)   what the law says of it
    sd       standard deviation of the target's losses over the n runs, nats/token (see
             `numerics.spread`: a wild run does not widen it)
    floor    100 sd below the target's least loss: any constant may be added to the losses
    t_j      trust in run j, 1 on average: less for runs far above the target's best
    tau, mu  strengths and centres of a prior on the parameters

A wider form of the law (`Form`) has exponents above 1, and log P of pairs of domains.
"""

from dataclasses import dataclass, replace

import numpy as np

from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.pairs import PairLaw, pairs_of, roots_of
from mixwright.mixers.laws.prior import FADE, PLAIN, Form, Prior
from mixwright.mixture import Array
from mixwright.numerics.least_squares import Rows, minimise
from mixwright.numerics.spread import Spread

# Columns of theta (targets, 4 + 3 domains): log (E - floor), log A, log b, log eps. Then come
# log K, logit g and beta / sd, one block of columns each (`_blocks`).
LEVEL = 0
SCALE = 1
POWER = 2
OFFSET = 3
FIRST_BLOCK = 4
# The priors' strengths were tuned at this many runs.
PRIOR_RUNS = 64
# The strengths grow with this power of the runs: the strongest prior within one standard error of
# the best in cross-validation.
GROWTH = 2 / 3
# A fit starts with E so many standard deviations above the floor, at least.
LEAST_LEVEL = 1.0
# Where it starts at another law, at least so many: that law's floor was another one.
NEAR_LEVEL = 0.1


def fit_law(
    weights: Array,
    losses: Array,
    prior: Prior,
    iterations: int = 200,
    same_text: Array | None = None,
    near: Law | None = None,
    form: Form = PLAIN,
    around: Law | None = None,
) -> Law:
    """Fits the law to every target, by batched Levenberg-Marquardt on pseudo-Huber residuals.

    Args:
        weights: (runs, domains) weights of the runs, or amounts in some unit.
        losses: (runs, targets) nats/token.
        prior: strengths and centres of the penalty.
        iterations: the most steps.
        same_text: (targets, domains) 1 where a target's text is a domain's, 0 elsewhere.
        near: a law to start from; the penalty's centres are the data's own all the same.
        form: how wide the law is; `near` is of the same form.
        around: a law of other runs, such as smaller models': the start, and the penalty's centres.
    """
    spread = Spread.of(losses)
    deviation = spread.deviation
    above_floor = spread.tame(losses) - spread.floor
    start = _start(weights, above_floor, deviation, prior)
    strength, centre = _penalty(start, prior)
    if form != PLAIN:
        start, strength, centre = _widened(start, strength, centre, prior, form)
    if same_text is not None:
        transfer, _, _ = _blocks(weights.shape[1])
        centre[:, transfer] += prior.same_text * same_text
    if around is not None:
        start = _scaled_to(around, weights, above_floor, deviation, form)
        centre = start.copy()
    strength = strength * (len(weights) / PRIOR_RUNS) ** GROWTH
    if near is not None:
        start = _parameters(near.raised(-spread.floor), deviation, form)

    trusted = trust(losses, spread, form.fade) / deviation[:, None]
    runs = _Runs.of(weights, form)

    def residuals(theta: Array, rows: Rows) -> tuple[Array, Array]:
        target = above_floor.T[rows]
        return _residuals(theta, runs, target, deviation[rows], trusted[rows])

    theta, _ = minimise(start, residuals, strength, centre, iterations)
    law = _law(theta, deviation, weights.shape[1], form).raised(spread.floor)
    return law.where(spread.varies, law.flat(spread.centre))


@dataclass(frozen=True)
class _Runs:
    """What every step of a fit asks of the runs, (runs, domains) each."""

    weights: Array
    # of the weights; finite where a weight is 0
    logs: Array
    # 1 where a run has some of the domain, 0 elsewhere
    some: Array
    # (runs, pairs) roots of the products of two weights; none where the form has no pairs
    roots: Array
    form: Form

    @classmethod
    def of(cls, weights: Array, form: Form = PLAIN) -> "_Runs":
        logs = np.log(np.maximum(weights, 1e-300))
        roots = roots_of(weights) if form.pairs else weights[:, :0]
        return cls(weights, logs, (weights > 0).astype(np.float64), roots, form)


def trust(losses: Array, spread: Spread, fade: float = FADE) -> Array:
    """Returns (targets, runs) weights of the residuals, 1 on average.

    The law has to be right near a target's best mixtures, not where the target is starved. A loss
    that is too good to be true counts for nothing.

    Args:
        losses: (runs, targets) nats/token.
        spread: of the losses.
        fade: standard deviations above the best at which a run counts half.
    """
    too_low = spread.too_low(losses)
    tamed = spread.tame(losses)
    above_best = tamed - tamed.min(axis=0)
    weights = 1 / (1 + above_best / (fade * spread.deviation))
    weights = np.where(too_low, 0.0, weights)
    return (weights / weights.mean(axis=0)).T


def _blocks(m: int) -> tuple[slice, slice, slice]:
    """Returns the columns of log K, logit g and beta / sd in theta, for m domains.

    After them come the logarithms of the pairs, where a form has some.
    """
    exponent = FIRST_BLOCK + m
    linear = exponent + m
    return slice(FIRST_BLOCK, exponent), slice(exponent, linear), slice(linear, linear + m)


def _start(weights: Array, losses: Array, spread: Array, prior: Prior) -> Array:
    """Returns (targets, parameters) where a fit to losses above the floor starts.

    log K comes from the correlation of each domain's root weight with the loss; E and A from a
    regression of the loss on the effective data that this K makes.
    """
    runs, m = weights.shape
    targets = losses.shape[1]
    mean_loss = losses.mean(axis=0)
    root = np.sqrt(np.maximum(weights, 0))
    root_spread = np.maximum(root.std(axis=0), 1e-9)
    standard_roots = (root - root.mean(axis=0)) / root_spread
    standard_losses = (losses - mean_loss) / spread
    correlation = standard_losses.T @ standard_roots / runs
    theta = np.zeros((targets, FIRST_BLOCK + 3 * m))
    transfer, exponent, _ = _blocks(m)
    theta[:, POWER] = prior.power[1]
    theta[:, OFFSET] = prior.offset[1]
    theta[:, transfer] = -1 - 4 * correlation
    theta[:, exponent] = prior.exponent[1]

    effective = _law(theta, spread, m, PLAIN).effective(weights)
    fall = effective ** -np.exp(prior.power[1])
    level, slope = _regressed(fall, losses, spread)
    theta[:, LEVEL] = np.log(level)
    theta[:, SCALE] = np.log(slope)
    return theta


def _regressed(fall: Array, losses: Array, spread: Array) -> tuple[Array, Array]:
    """Returns (targets,) E and A of losses that fall with effective data, S^-b (runs, targets)."""
    mean_loss = losses.mean(axis=0)
    mean_fall = fall.mean(axis=0)
    centred = fall - mean_fall
    variation = np.maximum((centred**2).sum(axis=0), 1e-12)
    slope = (centred * losses).sum(axis=0) / variation
    fall_spread = np.maximum(fall.std(axis=0), 1e-9)
    slope = np.maximum(slope, 0.1 * spread / fall_spread)
    level = np.maximum(mean_loss - slope * mean_fall, LEAST_LEVEL * spread)
    return level, slope


def _scaled_to(law: Law, weights: Array, losses: Array, spread: Array, form: Form) -> Array:
    """Returns the theta (targets, parameters) of a law, with the level and scale of other runs.

    Its linear rest is scaled as its fall is. Losses (runs, targets) are above the floor.
    """
    shape = law.effective(weights) ** -law.power
    before = np.maximum(law.scale, 1e-12)
    level, scale = _regressed(shape + weights @ (law.linear / before[:, None]).T, losses, spread)
    linear = law.linear * (scale / before)[:, None]
    moved = replace(law, level=level, scale=scale, linear=linear)
    return _parameters(moved, spread, form)


def _penalty(start: Array, prior: Prior) -> tuple[Array, Array]:
    """Returns (parameters,) strengths and (targets, parameters) centres of the penalty."""
    strength = np.empty(start.shape[1])
    centre = start.copy()
    transfer, exponent, linear = _blocks((start.shape[1] - FIRST_BLOCK) // 3)
    strength[[LEVEL, SCALE]] = prior.level
    strength[POWER], centre[:, POWER] = prior.power
    strength[OFFSET], centre[:, OFFSET] = prior.offset
    strength[transfer], centre[:, transfer] = prior.transfer
    strength[exponent], centre[:, exponent] = prior.exponent
    strength[linear], centre[:, linear] = prior.linear, 0.0
    return strength, centre


def _widened(
    start: Array, strength: Array, centre: Array, prior: Prior, form: Form
) -> tuple[Array, Array, Array]:
    """Returns start, strengths and centres of a wider form, from those of the plain one.

    Exponents start, and are centred, where they are in the plain one.
    """
    m = (start.shape[1] - FIRST_BLOCK) // 3
    _, exponent, _ = _blocks(m)
    middle = 1 / (1 + np.exp(-prior.exponent[1]))
    logit = np.log(middle / (form.most - middle))
    start[:, exponent] = logit
    centre[:, exponent] = logit
    if not form.pairs:
        return start, strength, centre
    tau, mu = prior.pair
    pairs = np.full((len(start), pairs_of(m)), mu)
    wide_strength = np.concatenate([strength, np.full(pairs.shape[1], tau)])
    return np.hstack([start, pairs]), wide_strength, np.hstack([centre, pairs])


def _law(theta: Array, spread: Array, m: int, form: Form) -> Law:
    """Returns the law of theta (targets, parameters), for m domains."""
    transfer, exponent, linear = _blocks(m)
    level, scale, power, offset = np.exp(theta[:, :FIRST_BLOCK]).T
    law = Law(
        level=level,
        scale=scale,
        power=power,
        offset=offset,
        transfer=np.exp(theta[:, transfer]),
        exponent=form.most / (1 + np.exp(-theta[:, exponent])),
        linear=spread[:, None] * theta[:, linear],
    )
    if not form.pairs:
        return law
    return PairLaw(**vars(law), pairs=np.exp(theta[:, linear.stop :]))


def _parameters(law: Law, spread: Array, form: Form) -> Array:
    """Returns the theta (targets, parameters) of a law above the floor: the inverse of `_law`."""
    level = np.maximum(law.level, NEAR_LEVEL * spread)
    positive = np.column_stack([level, law.scale, law.power, law.offset, law.transfer])
    logs = np.log(np.maximum(positive, 1e-300))
    exponent = np.clip(law.exponent / form.most, 1e-9, 1 - 1e-9)
    logit = np.log(exponent) - np.log1p(-exponent)
    linear = law.linear / spread[:, None]
    columns = [logs, logit, linear]
    if isinstance(law, PairLaw):
        columns.append(np.log(np.maximum(law.pairs, 1e-300)))
    return np.column_stack(columns)


def _residuals(
    theta: Array,
    runs: _Runs,
    losses: Array,
    spread: Array,
    trusted: Array,
) -> tuple[Array, Array]:
    """Returns trusted residuals (targets, runs), and their Jacobian.

    The Jacobian by theta (targets, parameters) is (targets, runs, parameters). Losses are
    (targets, runs) in nats/token, spread is (targets,), and trusted (targets, runs) is what a
    residual is multiplied by.
    """
    m = runs.weights.shape[1]
    law = _law(theta, spread, m, runs.form)
    transfer, exponent, linear = _blocks(m)
    # (targets, 1) each
    level = law.level[:, None]
    scale = law.scale[:, None]
    power = law.power[:, None]
    offset = law.offset[:, None]

    # in place, here and below: to make room for an array takes as long as to fill it
    terms = law.exponent[:, None, :] * runs.logs
    np.exp(terms, out=terms)
    terms *= runs.some
    terms *= law.transfer[:, None, :]
    effective = offset + terms.sum(axis=2)
    if isinstance(law, PairLaw):
        both = law.pairs[:, None, :] * runs.roots
        effective += both.sum(axis=2)
    fall = scale * effective**-power
    # The derivative of the loss by effective data.
    slope = -power * fall / effective
    jacobian = np.empty((*losses.shape, theta.shape[1]))
    jacobian[..., LEVEL] = level
    jacobian[..., SCALE] = fall
    jacobian[..., POWER] = -power * fall * np.log(effective)
    jacobian[..., OFFSET] = slope * offset
    np.multiply(slope[..., None], terms, out=jacobian[..., transfer])
    bend = law.exponent * (1 - law.exponent / runs.form.most)
    bent = bend[:, None, :] * runs.logs
    np.multiply(jacobian[..., transfer], bent, out=jacobian[..., exponent])
    np.multiply(spread[:, None, None], runs.weights, out=jacobian[..., linear])
    if isinstance(law, PairLaw):
        np.multiply(slope[..., None], both, out=jacobian[..., linear.stop :])
    jacobian *= trusted[..., None]

    predicted = level + fall + law.linear @ runs.weights.T
    return (predicted - losses) * trusted, jacobian
