// Mixtures in the hand: limits, sliders that keep them, and what is said of them.
// It stands after surface.js and nearest.js, in one scope with them. Weights are lists in the order
// of the domains, locks a list of truths. Nothing here changes its arguments.

// By how much limits may be missed before it is said: a slider's step and more than rounding.
const SLACK = 1e-9;
// How far from the end of its reach a slider may stand so that the others fit for certain.
const ROOM = 1e-12;
// Decimals of a locked weight, and digits of a limit, on the command line.
const FIXED = 6, DIGITS = 8;
// Names that a message lists.
const LISTED = 6;

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
  // room for rounding: weights that are all locked sum to 1 nearly
  const least = limits.least.map((low, i) => (fixed[i] ? Math.max(0, weights[i] - ROOM) : low));
  const most = limits.most.map((high, i) => (fixed[i] ? weights[i] + ROOM : high));
  return { ...limits, least, most };
}

// The limits where they leave a mixture, or with as much slack as nobody sees; null: they do not.
function fitting(limits, weights) {
  const slack = (edge) => edge + SLACK, less = (edge) => Math.max(0, edge - SLACK);
  const groups = limits.groups.map((group) => (
    { ...group, least: less(group.least), most: slack(group.most) }));
  const wider = { ...limits, least: limits.least.map(less), most: limits.most.map(slack), groups };
  return [limits, wider].find((choice) => in_proportion(weights, choice) !== null) ?? null;
}

// The limits with locks held, or as much of them as leaves a mixture: groups give way first.
function workable(weights, locks, limits, k = -1) {
  const full = held(weights, locks, limits, k);
  const open = { ...limits, least: weights.map(() => 0), most: weights.map(() => 1), groups: [] };
  const choices = [full, { ...full, groups: [] }, held(weights, locks, open, k)];
  for (const choice of choices) {
    const fits = fitting(choice, weights);
    if (fits !== null) return fits;
  }
  return open;
}

// The mixture with domain k at a value, or as near as limits and locks let it. The others keep
// their ratios as far as limits let them. `weights` are those at the start of a drag: what a
// slider does then depends on where it stands, not on the way there.
function moved(weights, k, value, locks, limits) {
  const set = (inside, least, most) => {
    const mixture = in_proportion(weights.with(k, between(value, least, most)), {
      ...inside, least: inside.least.with(k, least), most: inside.most.with(k, most),
    });
    // limits that hold a lock leave it room for rounding, which many moves would add up
    return mixture === null ? null : pinned(mixture, weights, locks, k, limits);
  };
  if (!Number.isFinite(value)) return [...weights];
  const full = held(weights, locks, limits, k), cap = full.most[k];
  const wanted = between(value, full.least[k], cap);
  const direct = full.least[k] <= cap ? set(full, wanted, wanted) : null;
  if (direct !== null) return direct;
  const inside = workable(weights, locks, limits, k);
  const [least, most] = reach(k, weights, inside), to = between(value, least, most);
  // at the very end of its reach rounding decides whether the others fit
  return set(inside, Math.max(least, to - ROOM), Math.min(most, to + ROOM)) ?? [...weights];
}

// The weights with those of locked domains as they were, to the last digit. What they had drifted
// by goes to the free domain with most room, or to domain k where no other has enough.
function pinned(weights, before, locks, k, { least, most }) {
  const locked = weights.map((_, i) => i !== k && Boolean(locks && locks[i]));
  const result = weights.map((wi, i) => (locked[i] ? before[i] : wi));
  const room = (i) =>
    locked[i] || i === k ? -1 : Math.min(most[i] - result[i], result[i] - least[i]);
  const widest = result.reduce((best, _, i) => (room(i) > room(best) ? i : best), k);
  const drift = sum(weights.map((wi, i) => wi - result[i]));
  const takes = room(widest) < Math.abs(drift) ? k : widest;
  return result.with(takes, result[takes] + drift);
}

// Least and most that domain k can have inside limits that leave a mixture.
function reach(k, weights, limits) {
  const members = limits.groups.flatMap((group) => group.members);
  if (new Set(members).size === members.length) return reach_of_parts(k, limits);
  const start = in_proportion(weights, limits), way = weights.map((_, i) => Number(i === k));
  const most = farthest(way, start, limits)[k];
  return [farthest(way.map((part) => -part), start, limits)[k], most];
}

// The same where no domain is in two groups: what all other groups and domains can leave to it.
function reach_of_parts(k, { least, most, groups }) {
  const lonely = { members: [k], least: 0, most: 1 };
  const home = groups.find((group) => group.members.includes(k)) ?? lonely;
  const grouped = new Set([...groups.flatMap((group) => group.members), k]);
  const mates = home.members.filter((i) => i !== k);
  const alone = least.map((_, i) => i).filter((i) => !grouped.has(i));
  let low = sum_over(alone, least), high = sum_over(alone, most);
  for (const group of groups) {
    if (group === home) continue;
    low += Math.max(group.least, sum_over(group.members, least));
    high += Math.min(group.most, sum_over(group.members, most));
  }
  const from = Math.max(home.least, 1 - high), to = Math.min(home.most, 1 - low);
  const ends = [from - sum_over(mates, most), to - sum_over(mates, least)];
  return ends.map((end) => between(end, least[k], most[k]));
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

const share_words = (value) => String(Number(value.toPrecision(4)));

// A share as the page's fields have it.
const in_percent = (value) => `${Number((100 * value).toPrecision(4))} %`;

// The first names of a list, and how many more there are.
function listed(names) {
  const more = names.length - LISTED;
  return names.slice(0, LISTED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

// Every domain and group with its sum and limits.
function parts_of(weights, limits) {
  const domains = limits.names.map((name, i) => ({
    name, label: name, value: weights[i], least: limits.least[i], most: limits.most[i],
  }));
  const groups = limits.groups.map((group) => ({
    ...group, label: `group ${group.name}`, value: sum_over(group.members, weights),
  }));
  return [...domains, ...groups];
}

// The limits that a mixture breaks, in words; none: it lies inside.
function feasible(weights, limits) {
  const broken = [];
  for (const { label, value, least, most } of parts_of(weights, limits)) {
    const here = `${label} ${in_percent(value)} is`;
    if (value > most + SLACK) broken.push(`${here} above its max ${in_percent(most)}`);
    if (value < least - SLACK) broken.push(`${here} below its min ${in_percent(least)}`);
  }
  const total = sum(weights);
  if (Math.abs(total - 1) > SLACK)
    broken.push(`the weights sum to ${in_percent(total)}, not 100 %`);
  return broken;
}

// The limits that a mixture touches; caps of 1 and floors of 0 are none.
function touched(weights, limits) {
  const parts = parts_of(weights, limits), near = 1e-6;
  const caps = parts.filter(({ value, most }) => most < 1 && value >= most - near);
  const floors = parts.filter(({ value, least }) => least > 0 && value <= least + near);
  return [
    ...caps.map(({ name, most }) => `${name}<=${share_words(most)}`),
    ...floors.map(({ name, least }) => `${name}>=${share_words(least)}`),
  ];
}

// Why limits and locks leave no mixture, in one line; empty: they leave one.
function conflict(limits, weights = limits.names.map(() => 0), locks = []) {
  const full = held(weights, locks, limits), { names, least, most, groups } = full;
  if (fitting(full, weights) !== null) return "";
  const k = names.findIndex((_, i) => least[i] > most[i]);
  if (k >= 0)
    return `${names[k]} has its min ${in_percent(least[k])} above its max ${in_percent(most[k])}:`
      + " change one of the two";
  const counted = weights.some((_, i) => locks && locks[i]) ? " (locked domains counted in)" : "";
  const low = sum(least), high = sum(most);
  if (low > 1)
    return `all min${counted} sum to ${in_percent(low)}, over 100 %: lower or unlock some`;
  if (high < 1)
    return `all max${counted} sum to ${in_percent(high)}, under 100 %: raise or unlock some`;
  for (const group of groups) {
    const floors = sum_over(group.members, least), caps = sum_over(group.members, most);
    if (group.least > group.most) return `group ${group.name} has its min above its max`;
    if (floors > group.most)
      return `all min${counted} inside group ${group.name} sum to ${in_percent(floors)},`
        + ` over its max ${in_percent(group.most)}: lower or unlock some`;
    if (caps < group.least)
      return `all max${counted} inside group ${group.name} sum to ${in_percent(caps)},`
        + ` under its min ${in_percent(group.least)}: raise or unlock some`;
  }
  const without = (group) => ({ ...full, groups: groups.filter((other) => other !== group) });
  const guilty = groups.filter((group) => fitting(without(group), weights) !== null);
  const which = guilty.map((group) => group.name).join(" or ");
  if (which) return `limits${counted} leave no mixture: loosen group ${which}, or unlock a domain`;
  return `limits of groups and domains${counted} leave no mixture together: loosen some`;
}

// The options of `mixwright propose` that set these limits, locks and targets, quoted for a shell;
// null: a name that the command line cannot take. Tokens of all sources go along where known.
function propose_options(
  limits, weights, locks, target_weights, never_worse = [], { tokens, source_tokens } = {},
) {
  const { names, least, most, groups } = limits, options = [];
  const every = names.map((_, i) => i), locked = every.filter((i) => locks && locks[i]);
  const free = every.filter((i) => !locked.includes(i));
  const add = (option, words) => {
    if (words.length > 0) options.push(option, ...words.map(quoted));
  };
  const sums = groups.flatMap((group) => {
    const inner = group.members.map((i) => names[i]).join("+");
    const low = group.least > 0 ? [`${inner}>=${group.least}`] : [];
    return group.most < 1 ? [...low, `${inner}<=${group.most}`] : low;
  });
  const members = sums.length > 0 ? groups.flatMap((group) => group.members) : [];
  if (members.some((i) => /[+<>=]/.test(names[i]))) return null;
  const targets = Object.entries(target_weights ?? {}).filter(([, weight]) => weight > 0);
  if ([...names, ...never_worse, ...targets.map(([name]) => name)].some((name) => /^-/.test(name)))
    return null;
  add("--target", targets.map(([name, weight]) => `${name}=${weight}`));
  const edge = (share) => Number(share.toPrecision(DIGITS));
  add("--cap", free.filter((i) => most[i] < 1).map((i) => `${names[i]}=${edge(most[i])}`));
  add("--floor", free.filter((i) => least[i] > 0).map((i) => `${names[i]}=${edge(least[i])}`));
  // digits beyond these are rounding; weights that are all locked must sum to 1 with all of them
  const fixed = (i) => (free.length > 0 ? Number(weights[i].toFixed(FIXED)) : weights[i]);
  add("--fix", locked.map((i) => `${names[i]}=${fixed(i)}`));
  add("--group", sums);
  add("--never-worse", never_worse);
  const available = as_list(source_tokens ?? {}, names);
  if (!available.includes(null)) add("--available", available.map((n, i) => `${names[i]}=${n}`));
  if (tokens > 0) options.push("--tokens", String(tokens));
  return options.map((option) => ` ${option}`).join("");
}

// A word as a shell takes it.
function quoted(word) {
  return /^[\w@%+:,./=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

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

if (typeof module !== "undefined") module.exports = { limits_of, moved, ranges_of, conflict };
