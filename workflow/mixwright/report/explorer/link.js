// Keeps the explorer's state in a link, and reads it again.
// It stands after surface.js, in one scope with it.

// Of what is written into links. Another version is refused in words.
const LINK = "1";
// Parts of a share that a link counts.
const GRAIN = 1e11;

// A state as the hash of a link, without its #. What is null stays as the page has it.
function encoded(state, names) {
  const link = new URLSearchParams({ v: LINK, d: fingerprint(names), w: packed(state.weights) });
  const locks = names.map((_, i) => i).filter((i) => state.locks && state.locks[i]);
  if (locks.length > 0) link.set("k", locks.join("-"));
  if (state.mixer) link.set("m", state.mixer);
  if (state.sort) link.set("s", state.sort);
  if (state.tokens != null) link.set("t", String(state.tokens));
  if (state.least != null) link.set("l", packed(state.least));
  if (state.most != null) link.set("h", packed(state.most));
  if (state.groups != null) link.set("g", packed(state.groups.flat()));
  for (const [target, weight] of Object.entries(state.importance ?? {}))
    link.append("i", `${weight} ${target}`);
  return link.toString();
}

// The state of a link's hash: {state}, {state: null} where it holds none, or {error} in words.
function decoded(text, names) {
  const body = text.replace(/^#/, "");
  if (!/^v=|&v=/.test(body)) return body.includes("=") ? damaged() : { state: null };
  const link = new URLSearchParams(body), get = (key) => link.get(key) ?? "";
  if (get("v") !== LINK)
    return { error: `the link is of version ${get("v")}, this page reads ${LINK}: share it again` };
  if (get("d") !== fingerprint(names))
    return { error: "the link is of a page with other domains: open it there" };
  const shares = unpacked(link.get("w"), names.length), total = sum(shares ?? []);
  if (shares === null || !(Math.abs(total - 1) < 1e-6)) return damaged();
  const locks = get("k") === "" ? [] : get("k").split("-").map(Number);
  if (locks.some((i) => !Number.isInteger(i) || i < 0 || i >= names.length)) return damaged();
  const tokens = link.has("t") ? Number(get("t")) : null;
  if (tokens !== null && !(tokens > 0 && tokens < Infinity)) return damaged();
  const edges = { l: null, h: null, g: null };
  for (const key of Object.keys(edges)) {
    if (!link.has(key)) continue;
    edges[key] = unpacked(get(key), key === "g" ? null : names.length);
    if (edges[key] === null || edges[key].some((edge) => edge > 1)) return damaged();
  }
  const importance = weights_of_targets(link.getAll("i"));
  if (importance === undefined || (edges.g !== null && edges.g.length % 2 > 0)) return damaged();
  return { state: {
    weights: shares.map((share) => share / total),
    locks: names.map((_, i) => locks.includes(i)),
    mixer: get("m"),
    sort: get("s"),
    tokens,
    least: edges.l,
    most: edges.h,
    groups: edges.g === null ? null : pairs_of(edges.g),
    importance,
  } };
}

const damaged = () => ({ error: "the link is damaged: copy all of it, or share it again" });

const pairs_of = (list) =>
  list.filter((_, i) => i % 2 === 0).map((first, i) => [first, list[2 * i + 1]]);

// {target: weight} of `weight target` words; null: none; undefined: no such words.
function weights_of_targets(words) {
  if (words.length === 0) return null;
  const pairs = words.map((word) => /^(\S+) (.+)$/s.exec(word));
  if (pairs.some((pair) => pair === null || !(Number(pair[1]) >= 0 && Number(pair[1]) < Infinity)))
    return undefined;
  return Object.fromEntries(pairs.map((pair) => [pair[2], Number(pair[1])]));
}

// Shares as whole numbers of grains, in digits and letters.
function packed(shares) {
  return shares.map((share) => Math.round(share * GRAIN).toString(36)).join("-");
}

// The inverse; null: no list of so many shares.
function unpacked(text, count) {
  const parts = text ? text.split("-") : [];
  const sound = parts.every((part) => /^[0-9a-z]{1,9}$/.test(part));
  if (!sound || (count !== null && parts.length !== count)) return null;
  return parts.map((part) => parseInt(part, 36) / GRAIN);
}

// A few letters that tell lists of names apart.
function fingerprint(names) {
  let hash = 2166136261;
  for (const letter of JSON.stringify(names))
    hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  return (hash >>> 0).toString(36);
}

if (typeof module !== "undefined") module.exports = { encoded, decoded };
