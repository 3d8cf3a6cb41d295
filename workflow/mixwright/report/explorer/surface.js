// Evaluates a response surface of mixwright (docs/surface.md), in a browser or in node:
// evaluate(JSON.parse(text), {web: 0.5, code: 0.5})

const sum = (values) => values.reduce((total, value) => total + value, 0);

// What mixers minimise: the law of parameters p at inputs x, one a domain.
function law(form, p, x) {
  if (form === "log-linear") return p.c + Math.exp(sum(p.t.map((t, i) => t * x[i])));
  const powers = p.K.map((k, i) => (x[i] > 0 ? k * x[i] ** p.g[i] : 0));
  const linear = sum(p.beta.map((beta, i) => beta * x[i]));
  return p.E + p.A * (p.eps + sum(powers)) ** -p.b + linear;
}

// Weights as they are; a law in amounts takes tokens, worth less once they repeat.
function inputs(amounts, w, at) {
  if (amounts === null) return w;
  const { total, available } = amounts[at], r = amounts.repetition;
  return w.map((wi, i) => {
    const n = wi * total, u = available === null ? Infinity : available[i];
    const extra = n > u ? -u * r * Math.expm1(-(n / u - 1) / r) : 0;
    return (Math.min(n, u) + extra) / amounts.unit;
  });
}

// The target's own number of what is minimised.
function own(number, y) {
  if (number.kind === "perplexity") return Math.exp(y);
  if (["accuracy", "probability"].includes(number.kind))
    return number.whole * Math.exp(-Math.max(y, 0));
  return number.kind === "score" ? -y : y;
}

// Why the runs do not cover a mixture, and h, how far out it lies.
function outside(region, names, w) {
  const s = w.map((wi, i) => Math.sqrt(wi) - region.roots_centre[i]);
  const h = sum(region.precision.map((row, i) => s[i] * sum(row.map((p, j) => p * s[j]))));
  const why = region.mixtures === 1 ? ["all runs are of one mixture"] : [];
  if (Math.sqrt(h / region.outermost) > region.far) why.push("it lies far out");
  names.forEach((name, i) => {
    const second = region.second_largest[i], most = region.largest[i];
    const m = Math.max(w[i], region.centre[i]), odd = region.odd_runs_beyond[i].length;
    const untried = region.mixtures_with[i] < 2;
    const much = m > region.beyond * second && m - second > region.more;
    const near = odd > 1 && region.beyond * m > most;
    const doubtful = odd > 0 && (m - most > region.more || near);
    const rests = Math.abs(w[i] - region.centre[i]) > region.rests;
    if (rests && (untried || much || doubtful)) why.push(`runs say too little of ${name}`);
  });
  return [why, h];
}

// Each target's number with its interval, and why the mixture lies outside; none: inside.
function evaluate(surface, mixture, at = "runs") {
  const names = surface.domains, { form, interval } = surface;
  const shares = Object.values(mixture), total = sum(shares);
  const unknown = Object.keys(mixture).some((name) => !names.includes(name));
  const numbers = shares.every((share) => typeof share === "number" && share >= 0);
  if (unknown || !numbers || !(Math.abs(total - 1) <= 0.01))
    throw new Error(`give shares of 0 or more that sum to 1 of the domains ${names}`);
  const w = names.map((name) => (Object.hasOwn(mixture, name) ? mixture[name] : 0) / total);
  const x = inputs(surface.amounts, w, at), all = sum(x);
  const [why, h] = outside(surface.region, names, w);
  const targets = surface.targets.map((target) => {
    const { name, held_out } = target, y = law(form, target.parameters, x);
    const value = own(target.number, y);
    const by_chance = held_out !== null && !held_out.better_than_chance;
    if (interval.refits === 0) return { name, value, low: null, high: null, by_chance };
    const drawn = target.refits.map((refit) => law(form, refit, x));
    const mean = sum(drawn) / drawn.length;
    let variance = sum(drawn.map((d) => (d - mean) ** 2)) / (drawn.length - 1) + (mean - y) ** 2;
    variance += Math.max(1, h) * target.form_variance;
    if (interval.second !== null) {
      const second = law("effective-data", target.second, x.map((xi) => xi / all));
      variance += (interval.second.share * (second - y)) ** 2;
    }
    const half = interval.quantile * Math.sqrt(variance);
    const ends = [y - half, y + half].map((end) => own(target.number, end));
    return { name, value, low: Math.min(...ends), high: Math.max(...ends), by_chance };
  });
  return { targets, outside: why };
}

if (typeof module !== "undefined") module.exports = { evaluate };
