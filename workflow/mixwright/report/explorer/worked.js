// What is worked out from the state: once a step, and at every move of a slider.

// mixtures that differ by less are the same
const SAME_MIXTURE = 1e-6;
// trained mixtures inside the limits that are named
const MOST_TRAINED = 4;

const state_of = (app) => app.history.present;

// What follows from the state but not from the weights: worked out at every step.
function settle(app) {
  const { data } = app, state = state_of(app), { view, surface } = shown_view(data, state);
  const at = length_of(surface), limits = limits_in(data, surface, state), names = surface.domains;
  const weights_of_goal = weights_in(surface, state);
  const shares = target_shares(surface, weights_of_goal);
  const readout = shares === null ? null : goal_readout(surface, shares);
  Object.assign(app, { view, surface, at, limits, weights_of_goal, shares, readout });
  app.goal_words = goal_words(surface, shares);
  app.sources = as_list(data.source_tokens, names);
  app.ranges = ranges_of(state.weights, state.locks, limits);
  app.presets = data.presets.map((preset) =>
    ({ ...preset, weights: in_names(preset.weights, names) }));
  app.natural = point_at(app, in_names(data.presets[0].weights, names));
  app.first_limits = limits_in(data, surface, { ...state, least: null, most: null, groups: null });
  app.limited = limited_by(app, state);
  const best = shares === null ? null : best_in(app, limits, state);
  app.best = best === null ? null : point_at(app, best);
  app.free = free_in(app);
  app.compared = app.limited === "" ? app.best : app.free;
  app.price = price_in(app);
  app.trained_inside = app.limited.includes("limits") ? trained_in(app) : null;
  const facts = { budget: state.tokens, sources: app.sources, max_epochs: data.max_epochs };
  app.none_fits = why_none(limits, facts, state.weights, state.locks);
  app.axes = axes_in(app);
}

// A mixture with what is predicted of it: targets, and the goal where there is one.
function point_at({ surface, shares, readout, at }, weights) {
  const evaluated = evaluate(surface, as_mixture(weights, surface.domains), at);
  const goal = readout === null ? null : goal_at(surface, shares, readout, weights, at);
  return { weights, evaluated, goal };
}

// Length of the run at which a law in amounts is asked: that of a study's goal where it is known.
function length_of({ amounts, goal }) {
  return amounts !== null && goal.of === "study" && goal.tokens !== null ? "goal" : "runs";
}

// What the goal is over: ` of web`, ` of 3 targets`.
function goal_words(surface, shares) {
  const counted = surface.targets.filter((_, t) => shares !== null && shares[t] > 0);
  return counted.length === 1 ? ` of ${counted[0].name}` : ` of ${counted.length} targets`;
}

// What of this the user set: `limits`, `locks`, `limits and locks`; empty: nothing.
function limited_by({ limits, first_limits }, { locks }) {
  const typed = JSON.stringify(limits) !== JSON.stringify(first_limits);
  return [typed ? "limits" : "", locks.some(Boolean) ? "locks" : ""].filter(Boolean).join(" and ");
}

// The best weights by the law inside limits and locks: the surface's own where nothing was changed,
// else solved for once; null: there are none.
function best_in({ data, surface, weights_of_goal, at, solved_for }, limits, { weights, locks }) {
  const { goal } = surface, locked = weights.map((weight, i) => (locks[i] ? weight : null));
  const key = JSON.stringify([data.surfaces.indexOf(surface), limits, locked, weights_of_goal]);
  if (!solved_for.has(key)) {
    const same_limits = JSON.stringify(limits) === JSON.stringify(limits_of(surface));
    const unchanged = same_limits && !locks.some(Boolean) && weights_of_goal === goal.weights;
    const importance = importance_of(surface, weights_of_goal);
    const known = goal.best !== null && unchanged;
    const best = known ? goal.best : optimum(surface, { importance, locks, weights, limits, at });
    solved_for.set(key, best.weights);
  }
  return solved_for.get(key);
}

// The optimum without the user's limits and locks; null: there are none, or no optimum.
function free_in(app) {
  if (app.limited === "" || app.shares === null) return null;
  const weights = best_in(app, app.first_limits, { ...state_of(app), locks: [] });
  return weights === null ? null : point_at(app, weights);
}

// What the user's limits and locks cost; null: there are none, or no optimum to compare.
function price_in({ surface, shares, readout, best, free, at }) {
  if (best === null || free === null) return null;
  const second = {
    here: second_goal(surface, shares, readout, best.weights, at),
    there: second_goal(surface, shares, readout, free.weights, at),
  };
  return cost_between(surface, readout, best.goal, free.goal, second);
}

// Mixtures inside the limits of which final models were trained, the best first; null: none were
// trained, inside or not.
function trained_in({ presets, limits }) {
  const trained = presets.filter(({ place }) => place !== null);
  if (trained.length === 0) return null;
  const inside = trained.filter(({ weights }) => feasible(weights, limits).length === 0);
  return inside.sort((a, b) => a.place - b.place).slice(0, MOST_TRAINED);
}

// A target's axis shows natural, the optimum and every preset with their intervals.
function axes_in(app) {
  const { surface, natural, best, at } = app, names = surface.domains;
  const points = [natural.evaluated];
  if (best !== null) points.push(best.evaluated);
  for (const { weights } of app.presets)
    points.push(evaluate(surface, as_mixture(weights, names), at));
  return surface.targets.map((_, t) => {
    const of_target = points.map(({ targets }) => targets[t]);
    return axis_of(of_target.flatMap(({ value, low, high }) => [value, low, high]));
  });
}

// All that is said of the mixture as it is.
function reading_of(app) {
  const state = state_of(app), { natural, best, readout, data } = app, budget = state.tokens;
  const here = point_at(app, app.live ?? state.weights), { weights } = here;
  const passes_made = passes(weights, budget, app.sources);
  const spoken = weights.map((weight, k) =>
    passes_words(weight, passes_made[k], budget, data.max_epochs));
  const against = (other) =>
    readout === null || other === null ? null : goal_difference(readout, here.goal, other.goal);
  const apart = (other) => (other === null ? null : distance(weights, other.weights));
  const reading = {
    ...app, ...here, budget, passes_made, spoken,
    natural_title: data.presets[0].title,
    goal_from_natural: against(natural), goal_from_best: against(best),
    from_natural: apart(natural), from_best: apart(best),
    broken: app.none_fits === "" ? feasible(weights, app.limits) : [],
    preset: app.presets.find((preset) => distance(weights, preset.weights) < SAME_MIXTURE) ?? null,
  };
  return { ...reading, notes: notes_of(reading) };
}

if (typeof module !== "undefined") module.exports = { length_of, goal_words };
