// The mixture inside limits that is nearest to a point: sliders, presets and the solver rest on it.
// It stands after surface.js, in one scope with it. Weights are lists in the order of the domains;
// limits are {names, least, most, groups} (mixture.js). Nothing here changes its arguments.

// A weight this small is 0: it moves only where nothing else can.
const NOTHING = 1e-12;
// Weights below this move as if they were as large: ratios of scales stay within a float's digits.
const LEAST_SCALE = 1e-8;
// How far a point is sent in a direction to find the farthest mixture.
const FAR = 1e3;

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
    let rest = a[i][count];
    for (let j = i + 1; j < count; j++) rest -= a[i][j] * x[j];
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

if (typeof module !== "undefined") module.exports = { nearest, in_proportion, farthest };
