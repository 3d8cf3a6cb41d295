// Mixtures as points: limits, sliders that keep them, pasted mixtures, and links that keep a state.
// It stands after surface.js, in one scope with it. Weights are lists in the order of the domains,
// locks a list of truths. Nothing here changes its arguments.

// A weight this small is 0: it moves only where nothing else can.
const NOTHING = 1e-12;
// Weights below this move as if they were as large: ratios of scales stay within a float's digits.
const LEAST_SCALE = 1e-8;
// By how much limits may be missed before it is said: a slider's step and more than rounding.
const SLACK = 1e-9;
// How far from the end of its reach a slider may stand so that the others fit for certain.
const ROOM = 1e-12;
// How far a point is sent in a direction to find the farthest mixture.
const FAR = 1e3;

// ---------------------------------------------------------------- limits

// What a surface's goal allows: {names, least, most, groups}. Passes over a source are a cap too.
function limits_of(surface, { tokens = null, source_tokens = {}, max_epochs = null } = {}) {
  const names = surface.domains, bounds = surface.goal.bounds;
  const least = bounds === null ? names.map(() => 0) : [...bounds.least];
  const most = bounds === null ? names.map(() => 1) : bounds.most.map((cap) => Math.min(cap, 1));
  const groups = (bounds === null ? [] : bounds.groups).map((group) => ({
    name: group.name,
    members: group.domains.map((name) => names.indexOf(name)),
    least: group.least,
    most: group.most,
  }));
  if (max_epochs !== null && tokens > 0)
    as_list(source_tokens, names).forEach((available, i) => {
      if (available !== null) most[i] = Math.min(most[i], (max_epochs * available) / tokens);
    });
  return { names: [...names], least, most, groups };
}

// The limits with the locked domains held at their weights; domain `k` is none of them.
function held(weights, locks, limits, k = -1) {
  const fixed = weights.map((_, i) => Boolean(locks && locks[i]) && i !== k);
  const least = limits.least.map((low, i) => (fixed[i] ? weights[i] : low));
  const most = limits.most.map((high, i) => (fixed[i] ? weights[i] : high));
  return { ...limits, least, most };
}

// Every limit as sign * (sum of the members) >= sign * edge. Members of a bound are one domain.
function constraints_of(limits) {
  const every = limits.least.map((_, i) => i), list = [];
  const add = (members, least, most, bound) => {
    list.push({ members, sign: 1, edge: least, bound });
    list.push({ members, sign: -1, edge: most, bound });
  };
  every.forEach((i) => add([i], limits.least[i], limits.most[i], true));
  limits.groups.forEach((group) => add(group.members, group.least, group.most, false));
  add(every, 1, 1, false);
  return list;
}

const sum_over = (members, w) => members.reduce((total, i) => total + w[i], 0);

// ---------------------------------------------------------------- the nearest mixture

// The mixture inside the limits with the least sum of (w - target)^2 / scale; null: there is none.
// The dual method of Goldfarb and Idnani: it starts at the target, and meets the limit that is
// missed most, step by step, while the limits that it has met stay met or lose their price.
function nearest(target, scale, limits) {
  const w = [...target], met = [], constraints = constraints_of(limits);
  const rounding = 1e-15 * Math.max(1, ...target.map(Math.abs));
  const worst = () => {
    let most = null, missed = 0;
    for (const constraint of constraints) {
      const lack = lack_of(constraint, w) - rounding * (constraint.bound ? 1 : 16);
      if (lack > missed) [most, missed] = [constraint, lack];
    }
    return most;
  };
  for (let round = 0; round < 40 * constraints.length; round++) {
    let constraint = worst();
    // rounding of many steps is taken off at the end, and where it alone is left to meet
    if (constraint === null || !meet(constraint, w, scale, met)) {
      tidy(w, scale, met);
      const before = constraint;
      constraint = worst();
      if (constraint !== null && constraint === before) return null;
    }
    if (constraint === null) return w.map((wi, i) => between(wi, limits.least[i], limits.most[i]));
  }
  return null;
}

// By how much a mixture misses a limit; below 0: it has room.
function lack_of({ members, sign, edge }, w) {
  return sign * (edge - sum_over(members, w));
}

// Moves w, and the prices of the limits that are met, until one more is met; false: it cannot be.
function meet(constraint, w, scale, met) {
  const { members, sign, edge, bound } = constraint;
  let price = 0;
  for (;;) {
    const [step, falls] = direction(constraint, scale, met);
    const gain = sign * sum_over(members, step);
    const possible = gain > 1e-13 * sum_over(members, scale);
    const whole = possible ? lack_of(constraint, w) / gain : Infinity;
    let length = whole, leaves = -1;
    met.forEach((one, j) => {
      if (falls[j] > 1e-14 && one.price / falls[j] < length) {
        length = one.price / falls[j];
        leaves = j;
      }
    });
    if (length === Infinity) return false;
    if (possible) step.forEach((part, i) => (w[i] += length * part));
    met.forEach((one, j) => (one.price -= length * falls[j]));
    price += length;
    if (leaves < 0) {
      if (bound) w[members[0]] = edge;
      met.push({ ...constraint, price });
      return true;
    }
    met.splice(leaves, 1);
  }
}

// Where w goes to meet a limit while those that are met stay so, and how fast their prices fall.
function direction(constraint, scale, met) {
  const free = free_of(scale, met), rows = rows_of(scale, met);
  const rest = row_of(constraint, scale);
  const along = (row) => weighed(row, rest, scale, free);
  const prices = solve_positive(system_of(rows, scale, free), rows.map(along));
  rows.forEach((row, j) => row.forEach((value, i) => (rest[i] -= prices[j] * value)));
  let place = 0;
  const falls = met.map((one) => (one.bound ? one.sign * rest[one.members[0]] : prices[place++]));
  return [rest.map((value, i) => (free[i] ? scale[i] * value : 0)), falls];
}

// Brings w back to the sums that are met, with rounding taken off.
function tidy(w, scale, met) {
  const free = free_of(scale, met), rows = rows_of(scale, met);
  const lacks = met.filter((one) => !one.bound).map((one) => lack_of(one, w));
  const prices = solve_positive(system_of(rows, scale, free), lacks);
  rows.forEach((row, j) => row.forEach((value, i) => {
    if (free[i]) w[i] += scale[i] * value * prices[j];
  }));
}

// Which domains are not at a bound.
function free_of(scale, met) {
  const free = scale.map(() => true);
  met.forEach((one) => { if (one.bound) free[one.members[0]] = false; });
  return free;
}

// A limit as a row: its sign at its members, 0 elsewhere.
function row_of(constraint, scale) {
  const row = scale.map(() => 0);
  constraint.members.forEach((i) => (row[i] = constraint.sign));
  return row;
}

const rows_of = (scale, met) => met.filter((one) => !one.bound).map((one) => row_of(one, scale));

const weighed = (row, other, scale, free) =>
  row.reduce((total, value, i) => total + (free[i] ? scale[i] * value * other[i] : 0), 0);

const system_of = (rows, scale, free) =>
  rows.map((row) => rows.map((other) => weighed(row, other, scale, free)));

// The x of a symmetric positive system; its argument's rows are few: sums that are met.
function solve_positive(system, side) {
  const a = system.map((row, i) => [...row, side[i]]), count = a.length;
  for (let k = 0; k < count; k++)
    for (let i = k + 1; i < count; i++) {
      const factor = a[k][k] > 0 ? a[i][k] / a[k][k] : 0;
      for (let j = k; j <= count; j++) a[i][j] -= factor * a[k][j];
    }
  const x = side.map(() => 0);
  for (let i = count - 1; i >= 0; i--) {
    const rest = x.reduce((total, value, j) => (j > i ? total - a[i][j] * value : total), a[i][count]);
    x[i] = a[i][i] > 0 ? rest / a[i][i] : 0;
  }
  return x;
}

const between = (value, least, most) => Math.max(least, Math.min(most, value));

// The mixture inside that keeps the ratios of weights as far as limits let it; null: there is none.
// Weights of 0 stay 0 where the others can do without them; else they share alike.
function in_proportion(weights, limits) {
  const scale = weights.map((wi) => Math.max(wi, LEAST_SCALE));
  const most = limits.most.map((cap, i) =>
    weights[i] <= NOTHING ? Math.min(cap, Math.max(limits.least[i], weights[i])) : cap);
  return nearest(weights, scale, { ...limits, most }) ?? nearest(weights, scale, limits);
}

// A mixture inside the limits that lies farthest in a direction (one number a domain).
function farthest(way, inside, limits) {
  const scale = way.map(() => 1);
  let w = inside;
  for (let round = 0; round < 20; round++) {
    const target = w.map((wi, i) => wi + FAR * way[i]);
    const next = nearest(nearest(target, scale, limits) ?? w, scale, limits) ?? w;
    const change = Math.max(...next.map((wi, i) => Math.abs(wi - w[i])));
    w = next;
    if (change < 1e-11) break;
  }
  return w;
}

// ---------------------------------------------------------------- sliders

// The limits with locks held, or as much of them as leaves a mixture: groups give way first.
function workable(weights, locks, limits, k = -1) {
  const full = held(weights, locks, limits, k);
  const open = { ...limits, least: weights.map(() => 0), most: weights.map(() => 1), groups: [] };
  const choices = [full, { ...full, groups: [] }, held(weights, locks, open, k)];
  return choices.find((choice) => in_proportion(weights, choice) !== null) ?? open;
}

// The mixture with domain k at a value, or as near as limits and locks let it. The others keep
// their ratios as far as limits let them. `weights` are those at the start of a drag: what a
// slider does then depends on where it stands, not on the way there.
function moved(weights, k, value, locks, limits) {
  const set = (inside, least, most) =>
    in_proportion(weights.with(k, between(value, least, most)), {
      ...inside, least: inside.least.with(k, least), most: inside.most.with(k, most),
    });
  const full = held(weights, locks, limits, k), cap = full.most[k];
  const wanted = between(value, full.least[k], cap);
  const direct = full.least[k] <= cap ? set(full, wanted, wanted) : null;
  if (direct !== null) return direct;
  const inside = workable(weights, locks, limits, k);
  const [least, most] = reach(k, weights, inside), to = between(value, least, most);
  // at the very end of its reach rounding decides whether the others fit
  return set(inside, Math.max(least, to - ROOM), Math.min(most, to + ROOM)) ?? [...weights];
}

// Least and most that domain k can have inside limits that leave a mixture.
function reach(k, weights, limits) {
  const start = in_proportion(weights, limits), way = weights.map((_, i) => Number(i === k));
  const most = farthest(way, start, limits)[k];
  return [farthest(way.map((part) => -part), start, limits)[k], most];
}

// Least and most that the slider of domain k can reach: drawn on its track.
function range_of(k, weights, locks, limits) {
  return reach(k, weights, workable(weights, locks, limits, k));
}

// The same of every domain.
function ranges_of(weights, locks, limits) {
  return weights.map((_, k) => range_of(k, weights, locks, limits));
}

// The mixture inside limits and locks that is nearest in proportion: `natural inside the bounds`.
function inside(weights, limits, locks = []) {
  return in_proportion(weights, workable(weights, locks, limits)) ?? [...weights];
}

// The natural mixture of a surface, brought inside the limits.
function natural_of(surface, limits) {
  return inside(surface.goal.natural, limits);
}

// Equal weights, brought inside the limits.
function uniform_of(limits) {
  return inside(limits.names.map((_, __, names) => 1 / names.length), limits);
}

// ---------------------------------------------------------------- what is said of limits

const number_words = (value) => String(Number(value.toPrecision(4)));

// Every domain and group with its sum and limits.
function parts_of(weights, limits) {
  const domains = limits.names.map((name, i) => ({
    name, value: weights[i], least: limits.least[i], most: limits.most[i],
  }));
  const groups = limits.groups.map((group) => ({
    ...group, name: `group ${group.name}`, value: sum_over(group.members, weights),
  }));
  return [...domains, ...groups];
}

// The limits that a mixture breaks, in words; none: it lies inside.
function feasible(weights, limits) {
  const broken = [];
  for (const { name, value, least, most } of parts_of(weights, limits)) {
    const words = (edge) => `${number_words(value)} is ${edge}`;
    if (value > most + SLACK) broken.push(`${name} ${words(`above its cap ${number_words(most)}`)}`);
    if (value < least - SLACK)
      broken.push(`${name} ${words(`below its floor ${number_words(least)}`)}`);
  }
  const total = sum(weights);
  if (Math.abs(total - 1) > SLACK) broken.push(`the weights sum to ${number_words(total)}, not 1`);
  return broken;
}

// The limits that a mixture touches; caps of 1 and floors of 0 are none.
function touched(weights, limits) {
  const parts = parts_of(weights, limits), near = 1e-6;
  const caps = parts.filter(({ value, most }) => most < 1 && value >= most - near);
  const floors = parts.filter(({ value, least }) => least > 0 && value <= least + near);
  return [
    ...caps.map(({ name, most }) => `${name}<=${number_words(most)}`),
    ...floors.map(({ name, least }) => `${name}>=${number_words(least)}`),
  ];
}

// Why limits and locks leave no mixture, in one line; empty: they leave one.
function conflict(limits, weights = limits.names.map(() => 0), locks = []) {
  const full = held(weights, locks, limits), { names, least, most, groups } = full;
  if (in_proportion(weights, full) !== null) return "";
  const k = names.findIndex((_, i) => least[i] > most[i]);
  if (k >= 0)
    return `${names[k]} has floor ${number_words(least[k])} above its cap ${number_words(most[k])}:`
      + " change one of the two";
  const counted = weights.some((_, i) => locks && locks[i]) ? " (locked domains counted in)" : "";
  const low = sum(least), high = sum(most);
  if (low > 1) return `floors${counted} sum to ${number_words(low)}, over 1: lower or unlock some`;
  if (high < 1) return `caps${counted} sum to ${number_words(high)}, under 1: raise or unlock some`;
  for (const group of groups) {
    const floors = sum_over(group.members, least), caps = sum_over(group.members, most);
    if (group.least > group.most) return `group ${group.name} has its least above its most`;
    if (floors > group.most)
      return `floors${counted} inside group ${group.name} sum to ${number_words(floors)},`
        + ` over its most ${number_words(group.most)}: lower or unlock some`;
    if (caps < group.least)
      return `caps${counted} inside group ${group.name} sum to ${number_words(caps)},`
        + ` under its least ${number_words(group.least)}: raise or unlock some`;
  }
  const without = (group) => ({ ...full, groups: groups.filter((other) => other !== group) });
  const guilty = groups.filter((group) => in_proportion(weights, without(group)) !== null);
  const which = guilty.map((group) => group.name).join(" or ");
  if (which) return `limits${counted} leave no mixture: loosen group ${which}, or unlock a domain`;
  return `limits of groups and domains${counted} leave no mixture together: loosen some`;
}

// ---------------------------------------------------------------- mixtures in the hand

// {name: share}, safe for every name: `__proto__` is a name like any other.
function as_mixture(weights, names) {
  return Object.fromEntries(names.map((name, i) => [name, weights[i]]));
}

// Numbers of a mapping in the order of names; null where nothing stands.
function as_list(mapping, names) {
  return names.map((name) => (Object.hasOwn(mapping, name) ? mapping[name] : null));
}

// How often each source is read in so many training tokens; null where its tokens are unknown.
function passes(weights, tokens, source_tokens) {
  return weights.map((wi, i) => {
    if (source_tokens[i] === null || !(tokens > 0)) return null;
    return wi > 0 ? (wi * tokens) / source_tokens[i] : 0;
  });
}

// Total variation: the share of the tokens that two mixtures take of different domains, 0 to 1.
function distance(w, v) {
  return sum(w.map((wi, i) => Math.abs(wi - v[i]))) / 2;
}

if (typeof module !== "undefined")
  module.exports = { limits_of, moved, range_of, feasible, passes, distance };
