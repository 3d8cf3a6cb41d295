// What a page says of a mixture, as numbers and words: the goal, its refits, passes, the file to
// download. Nothing here touches the page.

// what passes may exceed a limit by, in shares: rounding
const ROUGHLY = 1 + 1e-9;
// changes of a weight below this are not worth a word
const WORTH_A_WORD = 5e-4;
// passes over a source from which on a further one teaches much less (arXiv 2305.16264)
const MANY_PASSES = 4;
// passes below this are as good as none
const LEAST_PASSES = 0.001;
// a Readout's own units (goal.py)
const LOSS_UNIT = "nats/token";
const MIXED_UNIT = "in mixed units";
const POINTS_UNITS = {
  accuracy: ["mean accuracy", "points of accuracy"],
  probability: ["mean probability", "points of probability"],
  "accuracy probability": ["mean of accuracies and probabilities", "points"],
};

// Weights of targets as shares, in the order of the surface's targets; null: they have no goal.
function target_shares(surface, weights) {
  const shares = surface.targets.map(({ name }) => weight_in(weights, name));
  const total = sum(shares);
  return total > 0 ? shares.map((share) => share / total) : null;
}

// How the goal over these shares is shown: title, unit, whether more is better, and from ys.
function goal_readout(surface, shares) {
  const numbers = surface.targets.map(({ number }) => number).filter((_, t) => shares[t] > 0);
  const kinds = [...new Set(numbers.map(({ kind }) => kind))].sort();
  if (Object.hasOwn(POINTS_UNITS, kinds.join(" "))) {
    const [title, unit] = POINTS_UNITS[kinds.join(" ")];
    const share = (y) => Math.exp(-Math.max(y, 0));
    const value = (ys) => 100 * sum(ys.map((y, t) => (shares[t] > 0 ? shares[t] * share(y) : 0)));
    return { title, unit, higher: true, digits: 2, value };
  }
  const mean = (ys) => sum(ys.map((y, t) => (shares[t] > 0 ? shares[t] * y : 0)));
  const scales = new Set(numbers.map((number) => `${number.higher_is_better} ${number.unit_of_y}`));
  if (scales.size > 1)
    return { title: "weighted mean", unit: MIXED_UNIT, higher: false, digits: 3, value: mean };
  const first = [...numbers].sort((a, b) => (a.kind < b.kind ? -1 : 1))[0];
  if (first.kind === "perplexity")
    return { title: "mean loss", unit: LOSS_UNIT, higher: false, digits: 3, value: mean };
  const title = numbers.length > 1 ? `mean ${first.title}` : first.title;
  const { unit, higher_is_better: higher } = first, digits = digits_of(first);
  return { title, unit, higher, digits, value: (ys) => own(first, mean(ys)) };
}

// What the law says of every target, on the scale that is minimised.
function laws_at(surface, x) {
  return surface.targets.map((target) => law(surface.form, target.parameters, x));
}

// The same of every refit, of targets that count; a list of lists.
function laws_by_refits(surface, shares, x) {
  const refits = [];
  for (let b = 0; b < surface.interval.refits; b += 1) {
    const of_refit = (target, t) => (shares[t] > 0 ? law(surface.form, target.refits[b], x) : 0);
    refits.push(surface.targets.map(of_refit));
  }
  return refits;
}

// The goal at weights w: its value, and its value by every refit.
function goal_at(surface, shares, readout, w, at) {
  const x = inputs(surface.amounts, w, at);
  const refits = laws_by_refits(surface, shares, x).map(readout.value);
  return { value: readout.value(laws_at(surface, x)), refits };
}

// What limits cost: how much worse the goal is at mixture `here` than at `there`, and between which
// ends by the refits, as an interval of one target is (surface.js), of the differences; null: there
// are no refits. The form's own error is left out: of a difference nothing is known of it.
function cost_between(surface, readout, here, there, second) {
  const { quantile, refits, second: other } = surface.interval, towards = readout.higher ? -1 : 1;
  const cost = towards * (here.value - there.value);
  if (refits === 0) return { cost, low: null, high: null };
  const drawn = here.refits.map((value, b) => towards * (value - there.refits[b]));
  const mean = sum(drawn) / drawn.length;
  let variance = sum(drawn.map((each) => (each - mean) ** 2)) / (drawn.length - 1);
  variance += (mean - cost) ** 2;
  if (other !== null)
    variance += (other.share * (towards * (second.here - second.there) - cost)) ** 2;
  const half = quantile * Math.sqrt(variance);
  return { cost, low: cost - half, high: cost + half };
}

// The goal at weights w by the second law; null: there is none.
function second_goal(surface, shares, readout, w, at) {
  if (surface.interval.second === null) return null;
  const x = inputs(surface.amounts, w, at), all = sum(x), share_of_all = x.map((xi) => xi / all);
  const of_target = (target, t) =>
    shares[t] > 0 ? law("effective-data", target.second, share_of_all) : 0;
  return readout.value(surface.targets.map(of_target));
}

// What the user's limits cost, in words.
function price_words({ cost, low, high }, what, { unit, digits }) {
  const text = decimals(Math.max(0, cost), digits);
  const costs = `Your ${what} cost${what.endsWith("s") ? "" : "s"}`;
  const words = `${costs} ${text} ${unit}`;
  if (low === null) return `${words}; how surely is unknown without refits.`;
  const most = decimals(high, digits);
  // a limit never makes an optimum better, so what lies below 0 is not shown
  if (low <= 0)
    return `${words} (by the refits at most ${most}): not distinguishable from 0.`;
  return `${words}, ${decimals(low, digits)} to ${most} by the refits.`;
}

// How one goal differs from another: the difference, whether it is better, how many refits agree.
function goal_difference(readout, here, there) {
  const difference = here.value - there.value, towards = readout.higher ? 1 : -1;
  const gain = towards * difference;
  const gains = here.refits.map((value, b) => towards * (value - there.refits[b]));
  const agree = gains.filter((each) => Math.sign(each) === Math.sign(gain)).length;
  return { difference, better: gain > 0, agree, refits: gains.length };
}

// What a point more of each domain, at the others' expense, does to the goal; null: no more fits.
function effects_of(surface, readout, w, at) {
  const value = (weights) => readout.value(laws_at(surface, inputs(surface.amounts, weights, at)));
  const here = value(w);
  return w.map((wk, k) => {
    if (wk > 0.99) return null;
    const scale = (1 - wk - 0.01) / (1 - wk);
    return value(w.map((wi, i) => (i === k ? wi + 0.01 : wi * scale))) - here;
  });
}

// Decimals that a target's number is shown with.
function digits_of(number) {
  if (number.whole === 100 || number.kind === "perplexity") return 2;
  return 3;
}

// A number with true minus signs, never a minus before zero.
function decimals(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

// `36.2 %`; small weights keep a digit that says something.
function percent_of(weight) {
  const percent = 100 * weight;
  if (percent > 0 && percent < 0.005) return "< 0.01 %";
  return `${Number(percent.toFixed(percent < 1 ? 2 : 1))} %`;
}

// `1.5 B`: three digits, with the letter that trainers use.
function tokens_words(count) {
  for (const [size, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]])
    if (count >= size) return `${Number((count / size).toPrecision(3))} ${letter}`;
  return count.toFixed(0);
}

// The number of `1.5B`, `300M`, `2e10`; null of nothing, NaN of what is no count.
function tokens_typed(text) {
  const typed = text.replace(/[\s,_]/g, "").replace(/tokens?$/i, "");
  if (typed === "") return null;
  const parts = /^(\d+\.?\d*(?:e\+?\d+)?|\.\d+)([kmbgt]?)$/i.exec(typed);
  if (parts === null) return NaN;
  const sizes = { "": 1, k: 1e3, m: 1e6, b: 1e9, g: 1e9, t: 1e12 };
  const count = Number(parts[1]) * sizes[parts[2].toLowerCase()];
  return count > 0 ? count : NaN;
}

// Whether a number in words is 0.
const is_zero = (text) => Number(text.replace("−", "-")) === 0;

// What is said of the tokens of a domain: how many, how many passes; and whether to warn.
function passes_words(weight, passes_made, budget, max_epochs) {
  if (budget === null) return { words: "", warn: false };
  const tokens = `${tokens_words(weight * budget)} tokens`;
  if (passes_made === null) return { words: tokens, warn: false };
  const digits = passes_made < 10 ? 2 : 3;
  const count = Number(passes_made.toPrecision(digits));
  const small = passes_made > 0 && passes_made < LEAST_PASSES;
  const many = small ? `under ${LEAST_PASSES}` : count;
  const words = `${tokens}, ${many} ${count === 1 ? "pass" : "passes"}`;
  if (max_epochs !== null && passes_made > max_epochs * ROUGHLY)
    return { words: `${words}: over the study's limit of ${max_epochs}`, warn: true };
  if (passes_made > MANY_PASSES * ROUGHLY)
    return { words: `${words}: over ${MANY_PASSES}, more passes teach little`, warn: true };
  if (passes_made > ROUGHLY)
    return { words: `${words}: more than there is, so it repeats`, warn: false };
  return { words, warn: false };
}

// What the budget means: what it does not change, and how it stands to all text there is.
function budget_words({ surface, at, budget, sources, data }) {
  const { least_tokens: least, most_tokens: most } = surface.runs ?? {};
  const length = at === "goal" ? surface.goal.tokens : most;
  const spread = at !== "goal" && least !== most ? "up to " : "";
  const whose = at === "goal" ? "the final run of the goal" : data.runs;
  const words = ["The budget sets tokens and passes alone."];
  if (length)
    words.push(`Predictions stay those of ${spread}${tokens_words(length)} tokens, as ${whose}.`);
  if (sources.every((tokens) => tokens === null))
    words.push("How large the sources are is unknown here, so passes over them are too.");
  const all = sources.includes(null) ? Infinity : sum(sources);
  const said = data.max_epochs !== null && budget > data.max_epochs * all * ROUGHLY;
  if (budget !== null && budget > MANY_PASSES * all && !said)
    words.push(`It is ${Number((budget / all).toPrecision(2))} passes over all ${tokens_words(all)}`
      + " tokens there are: lower it, or take more text.");
  return words.join(" ");
}

// Why no mixture fits; empty: one does.
function why_none(limits, { budget, sources, max_epochs }, weights, locks) {
  const all = sources.includes(null) ? Infinity : sum(sources);
  if (max_epochs !== null && budget > max_epochs * all * ROUGHLY)
    return `${tokens_words(budget)} tokens are over ${max_epochs} passes, the study's limit, of all`
      + ` ${tokens_words(all)} tokens there are: lower the budget`;
  return conflict(limits, weights, locks);
}

// Which domains went back from the share that somebody set, in words; empty: none.
function gone_back(names, by_hand, before, after) {
  const gone = by_hand.filter((k) => Math.abs(after[k] - before[k]) > WORTH_A_WORD);
  return gone.map((k) =>
    ({ k, words: `${names[k]} went from ${percent_of(before[k])} to ${percent_of(after[k])}`,
      side: after[k] > before[k] ? "most" : "least", share: before[k] }));
}

// How the shown law and the mixer that it stands for compare; empty where the law is its own.
function stands_for(view, surface) {
  if (view.represents === null) return "";
  const stands = `the fitted law ${surface.law} of the same runs stands for it`;
  const words = `${view.mixer} has no formula: ${stands}`;
  const near = view.likeness.filter((each) => each !== null);
  if (near.length === 0) return `${words}.`;
  const rank = Math.min(...near.map((each) => each.rank));
  const units = new Set(surface.targets.map(({ number }) => number.unit_of_y));
  const unit = units.size === 1 ? ` ${[...units][0]}` : "";
  const apart = decimals(Math.max(...near.map((each) => each.rmse)), 3);
  const alike = `the two rank the runs' mixtures alike to a correlation of ${decimals(rank, 3)}`;
  return `${words}. Of every target ${alike} or more, and differ by ${apart}${unit} or less.`;
}

// What the solver answers, and how far it is certified.
function optimum_words({ gap, certified, reason }, where, unit) {
  if (!certified)
    return `This is the best mixture that was reached inside ${where}, but it is not certified:`
      + ` ${reason}.`;
  const most = gap < 1e-6 ? "a millionth" : gap.toPrecision(2);
  return `This is the best mixture inside ${where} by the fitted law: no other is better by more`
    + ` than ${most}${unit}.`;
}

// The unit of what is minimised, where all targets that count share one.
function gap_unit(surface, shares) {
  const counted = surface.targets.filter((_, t) => shares[t] > 0);
  const units = [...new Set(counted.map(({ number }) => number.unit_of_y))];
  return units.length === 1 && units[0] !== "" ? ` ${units[0]}` : "";
}

// Weights whose sum, taken from the first to the last, is 1 to the last digit. The largest weight
// takes what is missing; a last digit that rounding takes away again goes to the next.
function exact(weights) {
  const result = [...weights];
  for (const i of weights.map((_, k) => k).sort((a, b) => weights[b] - weights[a]))
    for (let round = 0; round < 3 && sum(result) !== 1; round += 1) result[i] += 1 - sum(result);
  return result;
}

// The content of mixture.json: the keys of a proposal, as far as the page knows them.
function proposal_of(reading) {
  const { surface, view, data, evaluated, shares, budget, passes_made } = reading;
  const names = surface.domains, weights = exact(reading.weights);
  const by_domain = (values) => as_mixture(values, names);
  const pairs = (value) =>
    Object.fromEntries(evaluated.targets.map((target, t) => [target.name, value(target, t)]));
  const content = { mixer: "explorer", weights: by_domain(weights) };
  if (shares !== null)
    content.objective = Object.fromEntries(
      surface.targets.map(({ name }, t) => [name, shares[t]]).filter(([, share]) => share > 0),
    );
  if (budget !== null) content.tokens = by_domain(weights.map((weight) => weight * budget));
  if (budget !== null && passes_made.every((each) => each !== null))
    content.epochs = by_domain(passes_made);
  content.predicted = pairs(({ value }) => value);
  content.units = { predicted: pairs((_, t) => surface.targets[t].number.unit) };
  if (reading.readout !== null) content.units.objective = reading.readout.unit;
  if (surface.interval.refits > 0) {
    const { level, refits: draws } = surface.interval;
    content.intervals = { level, draws, predicted: pairs(({ low, high }) => [low, high]) };
  }
  content.active_bounds = touched(weights, reading.limits);
  content.notes = reading.notes;
  content.provenance = {
    made: "in the explorer of a page of mixwright", page: data.name, mixer: view.mixer,
    law: surface.law, represents: view.represents, at: reading.at,
  };
  return content;
}

// What a file of this mixture should say beside its numbers.
function notes_of(reading) {
  const { surface, view, evaluated, preset } = reading;
  const by_hand = "chosen by hand in the explorer of a page; no mixer proposed it";
  const notes = [preset === null ? by_hand : `taken in the explorer of a page: ${preset.title}`];
  if (evaluated.outside.length > 0)
    notes.push(`the runs do not cover this mixture: ${evaluated.outside.join("; ")}`);
  const chance = evaluated.targets.filter((target) => target.by_chance).map(({ name }) => name);
  if (chance.length > 0)
    notes.push(`held-out runs were predicted no better than by chance: ${chance.join(", ")}`);
  if (view.represents !== null) notes.push(view.represents);
  for (const words of reading.broken) notes.push(`outside the limits: ${words}`);
  reading.spoken.forEach(({ words, warn }, i) => {
    if (warn) notes.push(`${surface.domains[i]}: ${words}`);
  });
  return notes;
}

if (typeof module !== "undefined")
  module.exports = {
    target_shares, goal_readout, goal_at, goal_difference, effects_of, decimals, percent_of,
    tokens_words, tokens_typed, passes_words, stands_for, exact, proposal_of, notes_of,
  };
