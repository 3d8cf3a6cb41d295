// The state of the explorer, and its history. A state is a plain object that nothing changes:
// { weights, locks, mixer, sort, tokens, least, most, groups, importance }, as a link keeps it, and
// by_hand: the domains whose shares somebody set since a mixture was taken.
// null: as the page has it. `importance` maps targets to the weights that somebody typed.

const MOST_UNDONE = 200;

// How rows can be sorted: value -> what the choice says.
const DOMAIN_ORDERS = {
  name: "name", weight: "weight", natural: "natural share", effect: "effect",
};
const TARGET_ORDERS = {
  name: "name",
  importance: "weight in the goal",
  difference: "difference",
  uncertainty: "uncertainty",
};

// The state that a page starts with.
function first_state(data) {
  const names = data.surfaces[0].domains;
  const start = data.presets.find(({ title }) => title === data.start) ?? data.presets[0];
  return {
    weights: in_names(start.weights, names), locks: names.map(() => false),
    mixer: data.views[0].mixer, sort: "", tokens: data.tokens,
    least: null, most: null, groups: null, importance: null, by_hand: [],
  };
}

// Shares by name as a list, 0 where nothing stands; they sum to 1.
function in_names(weights, names) {
  const shares = names.map((name) => (Object.hasOwn(weights, name) ? weights[name] : 0));
  const total = sum(shares);
  return shares.map((share) => share / total);
}

// What the page offers to predict by: each law once, with all mixers that it is shown for.
function laws_offered(data) {
  return data.surfaces.map((surface, s) => {
    const views = data.views.filter((view) => view.surface === s);
    const of = views.filter(({ represents }) => represents === null).map(({ mixer }) => mixer);
    const stood_for = views.filter(({ represents }) => represents !== null);
    const others = listed(stood_for.map(({ mixer }) => mixer));
    let words = of.join(", ");
    if (of.length === 0) words = `${others} (by the fitted law ${surface.law})`;
    else if (stood_for.length > 0) words += ` (also in place of ${others})`;
    const [first] = views;
    return { surface: s, mixer: first.mixer, words, place: data.views.indexOf(first) };
  }).sort((a, b) => a.place - b.place);
}

// The view of the state's mixer, and its surface.
function shown_view(data, state) {
  const view = data.views.find(({ mixer }) => mixer === state.mixer) ?? data.views[0];
  return { view, surface: data.surfaces[view.surface] };
}

// The limits of a state: the page's, or those that somebody typed. What the study allows of passes
// holds in any case: it follows the budget.
function limits_in(data, surface, state) {
  const { source_tokens, max_epochs } = data;
  const limits = limits_of(surface, { tokens: state.tokens, source_tokens, max_epochs });
  const { least, most, groups } = typed_in(surface, state);
  const sums = limits.groups.map((group, g) => ({ ...group, ...groups[g] }));
  const free = { ...surface, goal: { ...surface.goal, bounds: null } };
  const passes = limits_of(free, { tokens: state.tokens, source_tokens, max_epochs }).most;
  return { ...limits, least, most: most.map((cap, i) => Math.min(cap, passes[i])), groups: sums };
}

// What a state says of limits, passes aside: a list a side, and the groups' ends.
function typed_in(surface, { least, most, groups }) {
  const limits = limits_of(surface);
  const ends = groups?.map(([low, high]) => ({ least: low, most: high }));
  return {
    least: least ?? limits.least, most: most ?? limits.most, groups: ends ?? limits.groups,
  };
}

// The weights of targets that the goal has in a state.
function weights_in(surface, state) {
  return state.importance ?? surface.goal.weights;
}

// Least and most of every group, with one of them changed.
function group_ends(groups, changed, side, share) {
  return groups.map((group, g) => {
    const { least, most } = g === changed ? { ...group, [side]: share } : group;
    return [least, most];
  });
}

// The weight of a target; one that nobody weighed has none.
function weight_in(weights, name) {
  return Object.hasOwn(weights, name) ? weights[name] : 0;
}

function new_history(state) {
  return { past: [], present: state, future: [] };
}

// The history after a step; a step that changes nothing is none.
function stepped(history, state) {
  if (JSON.stringify(state) === JSON.stringify(history.present)) return history;
  const past = [...history.past, history.present].slice(-MOST_UNDONE);
  return { past, present: state, future: [] };
}

function undone({ past, present, future }) {
  if (past.length === 0) return { past, present, future };
  return { past: past.slice(0, -1), present: past.at(-1), future: [present, ...future] };
}

function redone({ past, present, future }) {
  if (future.length === 0) return { past, present, future };
  return { past: [...past, present], present: future[0], future: future.slice(1) };
}

// `sort` of a state holds both orders: `weight difference`.
function orders_of(state) {
  const [domains, targets] = state.sort.split(" ");
  return {
    domains: Object.hasOwn(DOMAIN_ORDERS, domains) ? domains : "name",
    targets: Object.hasOwn(TARGET_ORDERS, targets ?? "") ? targets : "importance",
  };
}

// Positions in the order of falling keys; null comes last, equal keys stay as they are.
function by_falling(keys) {
  const known = (k) => keys[k] ?? -Infinity;
  const falls = (a, b) => (known(b) > known(a)) - (known(b) < known(a));
  return keys.map((_, k) => k).sort((a, b) => falls(a, b) || a - b);
}

// What domains can be sorted by: order -> numbers, the largest first.
function domain_keys({ weights, natural, surface, readout, at }) {
  const size = (effect) => (effect === null ? null : Math.abs(effect));
  const named = () => weights.map((_, k) => -k);
  return {
    name: named, weight: () => weights, natural: () => natural.weights,
    effect: () =>
      readout === null ? named() : effects_of(surface, readout, weights, at).map(size),
  };
}

// The same of targets; what is compared between targets is relative to the number at natural.
function target_keys({ evaluated, natural, shares }) {
  const { targets } = evaluated, before = natural.evaluated.targets;
  const relative = (value, t) => Math.abs(value / (before[t].value || 1));
  const named = () => targets.map((_, t) => -t);
  return {
    name: named, importance: () => shares ?? named(),
    difference: () => targets.map(({ value }, t) => relative(value - before[t].value, t)),
    uncertainty: () =>
      targets.map(({ low, high }, t) => (low === null ? null : relative(high - low, t))),
  };
}

if (typeof module !== "undefined")
  module.exports = {
    first_state, in_names, shown_view, group_ends, weight_in, new_history, stepped, undone, redone,
    orders_of, by_falling,
  };
