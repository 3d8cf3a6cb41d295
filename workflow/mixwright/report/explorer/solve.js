// The best mixture of a surface inside limits and locks, with a bound on what it misses.
// It stands after surface.js, nearest.js and mixture.js, in one scope with them.
//
//     minimise  f(w) = sum_t a_t y_t(w)   inside limits,  y_t(w) <= m_t for targets never worse
//
// by Newton's method on f - mu * sum of log(room to a limit), for a mu that shrinks (primal-dual:
// Nocedal and Wright, Numerical Optimization, chapter 19). For convex y the prices of the limits
// certify the result: f(w) - min f <= sum of price * room + what the slopes leave unexplained.

// A gap below this, in units of y, is certified; the method ends at one much smaller.
const CERTIFIED = 1e-4;
const ENOUGH = 1e-9;
// y above natural's that still counts as no worse, as in the library.
const NO_WORSE = 1e-6;
// A domain or a sum with less room than this is fixed.
const WIDTH = 1e-9;
// Weights this near a bound are put there where that costs no more than a tenth of it.
const NEAR_BOUND = 1e-9;
// Weights below this count as it where slopes are taken: they are infinite at 0.
const SMALLEST = 1e-14;

// What is minimised for these weights of targets: {target: importance}. The mean of accuracies is
// improved most by the targets whose accuracy can be high: each counts by that of its best run.
function importance_of(surface, target_weights = null) {
  if (target_weights === null) return { ...surface.goal.importance };
  const wanted = surface.targets.filter((target) => (read(target_weights, target.name) ?? 0) > 0);
  const shares = wanted.every((target) => ["accuracy", "probability"].includes(target.number.kind));
  const counted = wanted.map((target) => {
    const worth = shares && wanted.length > 1 ? Math.exp(-target.best_run) : 1;
    return [target.name, target_weights[target.name] * worth];
  });
  const total = sum(counted.map(([, weight]) => weight));
  return Object.fromEntries(counted.map(([name, weight]) => [name, weight / total]));
}

const read = (mapping, name) => (Object.hasOwn(mapping, name) ? mapping[name] : null);

// What `optimum` minimises, at one mixture.
function objective_of(surface, weights, importance = surface.goal.importance, at = "runs") {
  const x = inputs(surface.amounts, weights, at);
  return sum(surface.targets.map((target) => {
    const share = read(importance, target.name) ?? 0;
    return share > 0 ? share * law(surface.form, target.parameters, x) : 0;
  }));
}

// {weights, objective, gap, certified, reason}: the best mixture inside limits, locks held. Without
// one, weights are null and `reason` says why; where the gap is not certified, it says that.
function optimum(surface, {
  importance = surface.goal.importance, locks = [], weights = surface.goal.natural,
  limits = limits_of(surface), never_worse = surface.goal.never_worse, at = "runs",
} = {}) {
  const nothing = { weights: null, objective: null, gap: null, certified: false };
  const full = fitting(held(weights, locks, limits), weights);
  const words = full === null ? conflict(limits, weights, locks) : "";
  if (words !== "") return { ...nothing, reason: words };
  const targets = surface.targets.map((target) => ({
    ...target,
    importance: read(importance, target.name) ?? 0,
    limited: never_worse.includes(target.name),
  })).filter((target) => target.importance > 0 || target.limited);
  if (!targets.some((target) => target.importance > 0))
    return { ...nothing, reason: "no target has a weight: give one of them some" };
  const start = in_proportion(surface.goal.natural, full);
  const problem = { form: surface.form, amounts: surface.amounts, at, targets };
  const most = values_at(problem, start).map((y, t) =>
    targets[t].limited ? y + NO_WORSE : Infinity);
  const programme = { ...problem, most, space: space_of(full, start) };
  const [w, gap] = settled(programme, full, ...minimised(programme, start));
  const objective = objective_of(surface, w, importance, at);
  const bent = targets.filter((target) => !target.convex).map((target) => target.name);
  let reason = "";
  if (!(gap <= CERTIFIED)) reason = `the optimum is certified to ${gap.toPrecision(2)} only`;
  if (bent.length > 0)
    reason = `the fitted law of ${listed(bent)} is not convex: a better mixture may lie elsewhere`;
  return { weights: w, objective, gap, certified: reason === "", reason };
}

// ---------------------------------------------------------------- laws and their slopes

// What a law takes for weights, and its first and second derivatives, one a domain.
function worth_of(amounts, w, at) {
  const x = inputs(amounts, w, at);
  if (amounts === null) return { x, first: w.map(() => 1), second: w.map(() => 0) };
  const { total, available } = amounts[at], rate = total / amounts.unit;
  const repeats = w.map((wi, i) => (available === null ? 0 : (wi * total) / available[i] - 1));
  const first = repeats.map((n) => (n > 0 ? rate * Math.exp(-n / amounts.repetition) : rate));
  const second = repeats.map((n, i) =>
    n > 0 && n < Infinity ? (-first[i] * total) / (available[i] * amounts.repetition) : 0);
  return { x, first, second };
}

// y of one law, its slope, and its Hessian: steep * lean lean' + diag(bend).
function expanded(form, p, { x, first, second }) {
  if (form === "log-linear") {
    const rise = Math.exp(sum(p.t.map((t, i) => t * x[i])));
    const lean = p.t.map((t, i) => t * first[i]);
    const bend = p.t.map((t, i) => t * second[i] * rise);
    return { y: p.c + rise, slope: lean.map((part) => part * rise), lean, steep: rise, bend };
  }
  const positive = x.map((xi) => Math.max(xi, SMALLEST));
  const rate = p.K.map((k, i) => (k > 0 ? k * p.g[i] * positive[i] ** (p.g[i] - 1) : 0));
  const lean = rate.map((part, i) => part * first[i]);
  const effective = p.eps + sum(p.K.map((k, i) => (x[i] > 0 ? k * x[i] ** p.g[i] : 0)));
  const fall = p.A * effective ** -p.b, worth = (p.b * fall) / effective;
  const curve = rate.map((part, i) =>
    part * ((p.g[i] - 1) / positive[i]) * first[i] ** 2 + part * second[i]);
  return {
    y: p.E + fall + sum(p.beta.map((beta, i) => beta * x[i])),
    slope: p.beta.map((beta, i) => beta * first[i] - worth * lean[i]),
    lean,
    steep: (worth * (p.b + 1)) / effective,
    bend: p.beta.map((beta, i) => beta * second[i] - worth * curve[i]),
  };
}

// y of every target of a programme.
function values_at({ form, amounts, at, targets }, w) {
  const x = inputs(amounts, w, at);
  return targets.map((target) => law(form, target.parameters, x));
}

// ---------------------------------------------------------------- where the search may go

// What is free of limits that leave a mixture: {free, low, high, rows, equal, inside}. `rows` are
// sums of groups with room; `equal` sums that are fixed; `inside` has room to everything.
function space_of(limits, start) {
  const reaches = start.map((_, k) => reach(k, start, limits));
  const free = start.map((_, i) => i).filter((i) => reaches[i][1] - reaches[i][0] > WIDTH);
  const low = reaches.map(([from]) => from), high = reaches.map(([, to]) => to);
  const groups = limits.groups.map((group) => {
    const [from, to] = reach_of_sum(group.members, start, limits);
    return { ...group, least: from, most: to };
  });
  const rows = groups.filter((group) => group.most - group.least > WIDTH);
  const tight = groups.filter((group) => group.most - group.least <= WIDTH);
  const sums = [...tight.map((group) => group.members), start.map((_, i) => i)];
  return {
    free, low, high, rows,
    equal: independent(sums.map((members) => free.map((i) => Number(members.includes(i))))),
    inside: middle_of(limits, low, high, groups, start),
  };
}

// Least and most that a sum of domains can have inside limits that leave a mixture.
function reach_of_sum(members, start, limits) {
  const way = start.map((_, i) => Number(members.includes(i)));
  const ends = [way.map((part) => -part), way].map((one) => farthest(one, start, limits));
  return ends.map((end) => sum_over(members, end));
}

// A mixture with room to all limits that leave any: inside limits that are drawn in.
function middle_of(limits, low, high, groups, start) {
  for (let part = 0.25; part > 1e-9; part /= 2) {
    const drawn = (from, to) => [from + part * (to - from), to - part * (to - from)];
    const ends = low.map((from, i) => drawn(from, high[i]));
    const inner = groups.map((group) => {
      const [least, most] = drawn(group.least, group.most);
      return { ...group, least, most };
    });
    const least = ends.map(([from]) => from), most = ends.map(([, to]) => to);
    const middle = in_proportion(start, { ...limits, least, most, groups: inner });
    if (middle !== null) return middle;
  }
  return start;
}

// The rows that no others make up, as directions at right angles to each other.
function independent(rows) {
  const chosen = [];
  for (const row of rows) {
    let rest = [...row];
    for (let twice = 0; twice < 2; twice++)
      for (const one of chosen) {
        const along = dot(rest, one);
        rest = rest.map((value, i) => value - along * one[i]);
      }
    const length = Math.sqrt(dot(rest, rest));
    if (length > 1e-9) chosen.push(rest.map((value) => value / length));
  }
  return chosen;
}

const dot = (a, b) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
};

// ---------------------------------------------------------------- the search

// The best mixture to rounding, and a bound on what it misses.
function minimised(programme, start) {
  const { space } = programme, { free, equal } = space;
  const w = inside_limits(programme, start);
  if (free.length <= equal.length) return [w, 0];
  let state = state_at(programme, w), mu = first_mu(state), best = [w, bound_of(state)];
  let prices = state.rooms.map((room) => mu / room);
  for (let round = 0; round < 60; round++) {
    for (let steps = 0; steps < 60; steps++) {
      const move = newton(state, prices, mu, equal);
      const next = advanced(programme, state, move, mu);
      prices = prices_after(state, prices, move, mu, next === null ? 0 : next.length);
      if (next === null) break;
      state = next.state;
      if (!(move.decrement > 0.1 * mu)) break;
    }
    const gap = bound_of(state);
    if (gap < best[1]) best = [state.w, gap];
    if (best[1] < ENOUGH || mu < 1e-3 * ENOUGH / state.rooms.length) break;
    mu *= 0.15;
  }
  return best;
}

// A mixture with room to all limits, those of targets too: between the middle and the start.
function inside_limits(programme, start) {
  const { inside: middle } = programme.space;
  for (let part = 1; part > 1e-14; part /= 2) {
    const w = start.map((wi, i) => wi + part * (middle[i] - wi));
    if (values_at(programme, w).every((y, t) => y < programme.most[t])) return w;
  }
  return start;
}

// All that a step needs at a mixture: f, what its slopes and curvature are made of, and the rooms.
function state_at(programme, w) {
  const { form, amounts, at, targets, most, space } = programme, { free, low, high, rows } = space;
  const worth = worth_of(amounts, w, at);
  const laws = targets.map((target) => expanded(form, target.parameters, worth));
  const cut = (list) => free.map((i) => list[i]);
  const parts = laws.map((one, t) => ({
    importance: targets[t].importance, most: most[t], y: one.y, steep: one.steep,
    slope: cut(one.slope), lean: cut(one.lean), bend: cut(one.bend),
  }));
  const limited = parts.filter((part) => part.most < Infinity);
  const sides = rows.map((row) => free.map((i) => Number(row.members.includes(i))));
  const sums = rows.map((row) => sum_over(row.members, w));
  return {
    w, parts, limited, sides, equal: space.equal, count: free.length,
    f: sum(parts.map((part) => part.importance * part.y)),
    // room to floors, caps, least and most of groups, limits of targets
    rooms: [
      ...free.map((i) => w[i] - low[i]), ...free.map((i) => high[i] - w[i]),
      ...rows.map((row, g) => sums[g] - row.least), ...rows.map((row, g) => row.most - sums[g]),
      ...limited.map((part) => part.most - part.y),
    ],
  };
}

// Slope of f in the free weights.
function slope_of({ parts, count }) {
  const slope = new Array(count).fill(0);
  for (const part of parts)
    for (let i = 0; i < count; i++) slope[i] += part.importance * part.slope[i];
  return slope;
}

// The sum of price * slope of its room over all limits.
function pull_of({ sides, limited, count }, prices) {
  const groups = sides.length, pull = [];
  for (let i = 0; i < count; i++) pull.push(prices[i] - prices[count + i]);
  sides.forEach((side, g) => {
    const price = prices[2 * count + g] - prices[2 * count + groups + g];
    side.forEach((value, i) => (pull[i] += price * value));
  });
  limited.forEach((part, l) => {
    const price = prices[2 * count + 2 * groups + l];
    part.slope.forEach((value, i) => (pull[i] -= price * value));
  });
  return pull;
}

// How fast each room changes along a step of the free weights.
function changes_of({ sides, limited }, step) {
  const along = sides.map((side) => dot(side, step));
  return [
    ...step, ...step.map((part) => -part), ...along, ...along.map((part) => -part),
    ...limited.map((part) => -dot(part.slope, step)),
  ];
}

// A mu at which the slopes and the barriers pull alike.
function first_mu(state) {
  const slope = slope_of(state), mean = sum(slope) / state.count;
  const pulls = slope.map((part, i) =>
    Math.abs(part - mean) * Math.min(state.rooms[i], state.rooms[state.count + i]));
  return Math.max(1e-3 * ENOUGH, sum(pulls) / state.count);
}

// The Newton step of f - mu * sum of log(room) that keeps the sums: {step, changes, decrement}.
function newton(state, prices, mu, equal) {
  const { parts, limited, sides, rooms, count } = state, groups = sides.length;
  const pull = pull_of(state, rooms.map((room) => mu / room));
  const slope = slope_of(state).map((part, i) => part - pull[i]);
  const strength = prices.map((price, j) => price / rooms[j]);
  const matrix = Array.from({ length: count }, () => new Float64Array(count));
  const add = (row, weight) => {
    for (let i = 0; i < count; i++)
      for (let j = 0; j <= i; j++) matrix[i][j] += weight * row[i] * row[j];
  };
  for (let i = 0; i < count; i++) matrix[i][i] += strength[i] + strength[count + i];
  for (const part of parts) {
    const price = part.most < Infinity ? prices[2 * (count + groups) + limited.indexOf(part)] : 0;
    const weight = part.importance + price;
    add(part.lean, weight * part.steep);
    part.bend.forEach((bend, i) => (matrix[i][i] += weight * bend));
  }
  sides.forEach((side, g) =>
    add(side, strength[2 * count + g] + strength[2 * count + groups + g]));
  limited.forEach((part, l) => add(part.slope, strength[2 * (count + groups) + l]));
  // scaled by the room to the bounds, so that the factors keep their digits there
  const scale = slope.map((_, i) => Math.min(rooms[i], rooms[count + i]));
  for (let i = 0; i < count; i++)
    for (let j = 0; j <= i; j++) matrix[i][j] *= scale[i] * scale[j];
  const rows = equal.map((row) => row.map((value, i) => value * scale[i]));
  const scaled = step_within(matrix, slope.map((part, i) => part * scale[i]), rows);
  const step = scaled.map((part, i) => part * scale[i]);
  return { step, changes: changes_of(state, step), decrement: -dot(slope, step) };
}

// The x of H x + E' v = -g and E x = 0, H the matrix's lower half, E the rows.
function step_within(matrix, slope, rows) {
  const factor = cholesky(matrix);
  const solve = (side) => back(factor, side);
  const x = solve(slope.map((part) => -part));
  if (rows.length === 0) return x;
  const sides = rows.map(solve);
  const system = rows.map((row) => sides.map((side) => dot(row, side)));
  // twice: the second time takes off what rounding left of E x
  for (let twice = 0; twice < 2; twice++) {
    const prices = solve_positive(system, rows.map((row) => dot(row, x)));
    sides.forEach((side, r) => side.forEach((value, i) => (x[i] -= prices[r] * value)));
  }
  return x;
}

// The lower factor of a matrix's lower half; its diagonal is raised until the matrix is positive.
function cholesky(matrix) {
  const count = matrix.length;
  const size = Math.max(...matrix.map((row, i) => Math.abs(row[i])), 1e-300);
  for (let more = 0; ; more = more === 0 ? 1e-14 * size : 100 * more) {
    const factor = matrix.map((row) => Float64Array.from(row));
    let positive = true;
    for (let j = 0; j < count && positive; j++) {
      let pivot = factor[j][j] + more;
      for (let k = 0; k < j; k++) pivot -= factor[j][k] ** 2;
      positive = pivot > 0;
      factor[j][j] = Math.sqrt(pivot);
      for (let i = j + 1; i < count; i++) {
        let value = factor[i][j];
        for (let k = 0; k < j; k++) value -= factor[i][k] * factor[j][k];
        factor[i][j] = value / factor[j][j];
      }
    }
    if (positive || !(more < 1e6 * size)) return factor;
  }
}

// The x of L L' x = side.
function back(factor, side) {
  const count = side.length, x = [...side];
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < i; k++) x[i] -= factor[i][k] * x[k];
    x[i] /= factor[i][i];
  }
  for (let i = count - 1; i >= 0; i--) {
    for (let k = i + 1; k < count; k++) x[i] -= factor[k][i] * x[k];
    x[i] /= factor[i][i];
  }
  return x;
}

// The state after as much of a step as stays inside and lowers the barrier's function; null: none.
function advanced(programme, state, move, mu) {
  const { free } = programme.space, value = barrier_at(state, mu);
  let length = 1;
  state.rooms.forEach((room, j) => {
    if (move.changes[j] < 0 && j < 2 * (state.count + state.sides.length))
      length = Math.min(length, (-0.99 * room) / move.changes[j]);
  });
  // the last digits of values do not tell better from worse near the centre
  const rounding = 1e-14 * (Math.abs(value) + Math.abs(state.f));
  for (; length > 1e-10; length /= 2) {
    const w = [...state.w];
    free.forEach((i, place) => (w[i] += length * move.step[place]));
    const next = state_at(programme, w);
    if (!next.rooms.every((room) => room > 0)) continue;
    if (barrier_at(next, mu) <= value - 1e-4 * length * move.decrement + rounding)
      return { state: next, length };
  }
  return null;
}

function barrier_at(state, mu) {
  return state.f - mu * sum(state.rooms.map(Math.log));
}

// The limits' prices after a step, near what their rooms are due.
function prices_after(state, prices, move, mu, length) {
  return prices.map((price, j) => {
    const due = mu / state.rooms[j];
    const full = due - (price * move.changes[j]) / state.rooms[j];
    return between(price + length * (full - price), 1e-3 * due, 1e3 * due);
  });
}

// A bound on f(w) - min f. For any prices of sums and of limits of targets, those of limits 0 or
// more, f lies above the tangent of its Lagrangian. What is left of its slope moves a weight to one
// of its bounds at most. The prices here leave little: least squares, weighed by the rooms.
function bound_of(state) {
  const { rooms, count, sides, limited, equal } = state, slope = slope_of(state);
  const of_weight = slope.map((_, i) => Math.min(rooms[i], rooms[count + i]));
  const groups = sides.map((_, g) => 2 * count + g), last = 2 * (count + sides.length);
  const columns = [...equal, ...sides, ...limited.map((part) => part.slope.map((s) => -s))];
  const lows = [...equal.map(() => 0), ...groups.map((j) => rooms[j]), ...rooms.slice(last)];
  const highs = [...lows];
  groups.forEach((j, g) => (highs[equal.length + g] = rooms[j + sides.length]));
  const along = (a, b) => dot(a.map((value, i) => value * of_weight[i] ** 2), b);
  const system = columns.map((column) => columns.map((other) => along(column, other)));
  lows.forEach((low, j) => (system[j][j] += Math.min(low, highs[j]) ** 2));
  const prices = solve_positive(system, columns.map((column) => along(column, slope)));
  limited.forEach((_, l) => {
    const j = equal.length + sides.length + l;
    prices[j] = Math.max(0, prices[j]);
  });
  const left = slope.map((part, i) =>
    part - sum(columns.map((column, j) => prices[j] * column[i])));
  const missed = left.map((part, i) => (part > 0 ? part * rooms[i] : -part * rooms[count + i]));
  const paid = prices.map((price, j) => (price > 0 ? price * lows[j] : -price * highs[j]));
  return sum(missed) + sum(paid);
}

// ---------------------------------------------------------------- rounding

// The mixture with weights next to a bound put there, where that costs nothing, and its gap.
function settled(programme, limits, w, gap) {
  const { targets, most } = programme;
  const f = (point) => dot(values_at(programme, point), targets.map((target) => target.importance));
  const before = f(w), exact = in_proportion(w, limits) ?? w;
  // those that are put there stay there while the others make up for it
  const near = (wi, edge) => Math.abs(wi - edge) < NEAR_BOUND;
  const least = limits.least.map((low, i) => (near(w[i], limits.most[i]) ? limits.most[i] : low));
  const cap = limits.most.map((high, i) => (near(w[i], limits.least[i]) ? limits.least[i] : high));
  const low = least.map((edge, i) => Math.min(edge, cap[i]));
  for (const point of [in_proportion(w, { ...limits, least: low, most: cap }), exact]) {
    if (point === null) continue;
    const cost = f(point) - before;
    const allowed = values_at(programme, point).every((y, t) => y <= most[t]);
    if (allowed && cost < 0.1 * ENOUGH) return [point, gap + Math.max(0, cost)];
  }
  return [exact, gap + Math.max(0, f(exact) - before)];
}

if (typeof module !== "undefined") module.exports = { optimum, importance_of, objective_of };
