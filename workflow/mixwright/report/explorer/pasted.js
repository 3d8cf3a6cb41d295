// Reads a mixture that somebody pastes: JSON, YAML, a table, or words.
// It stands after surface.js and mixture.js, in one scope with them.

const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
const LONE = new RegExp(`^(${NUMBER})\\s*(%?)$`);
const NAME_FIRST = new RegExp(`^(.*?)(?:\\s*[:=\\t;,|→]\\s*|\\s+)(${NUMBER})\\s*(%?)[;,]?$`, "s");
const NUMBER_FIRST = new RegExp(`^(${NUMBER})\\s*(%?)\\s*(?:of\\s+)?(.+?)[;,]?$`, "s");
// A line that only says what follows: `weights:`, `domain,weight`, or the rule of a table.
const HEADING = new RegExp(
  "^(?:(?:weights|shares|mixture|mix|domains|sources|data)\\s*:|[-|:\\s]+|(?:#|//).*"
  + "|(?:domain|source|name|dataset)s?\\W+(?:weight|share|percent|percentage|proportion)s?\\W*)$",
  "i",
);
// Headings of a column that numbers or names rows.
const ROW = /^(?:|index|id|run|mixture|name)$/i;
// By how much a sum of shares may miss 1 and be scaled to it, as in evaluate.
const OFF = 0.01;

// The mixture in a pasted text: {weights, notes}, or {error: what is wrong and what helps}.
function parsed(text, names) {
  const body = String(text).replace(/^\uFEFF/, "").replace(/^```.*$/gm, "").trim();
  if (body === "")
    return { error: "nothing is pasted: give shares such as “36 % code, 64 % prose”" };
  try {
    return weighed_up(items_of(body, names), names);
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    return { error: refusal.message };
  }
}

class Refusal extends Error {}

function refuse(words) {
  throw new Refusal(words);
}

// What a text says of domains: a list of {i, share, percent}.
function items_of(body, names) {
  if (body.startsWith("{") || body.startsWith("["))
    return json_items(body, names) ?? listed_items(body.replace(/^\{|\}$/g, ""), names);
  return table_items(body, names) ?? listed_items(body, names);
}

// Of JSON: a mapping of names to shares, as it is or under `weights`; null: it is no JSON.
function json_items(body, names) {
  let content;
  try {
    content = JSON.parse(body);
  } catch {
    return null;
  }
  if (Array.isArray(content)) refuse("a list says no names: give {name: share}");
  const inner = Object.hasOwn(content, "weights") ? content.weights : null;
  const nested = inner !== null && typeof inner === "object" && !Array.isArray(inner);
  const twice = repeated_key(body, 1, null) ?? (nested ? repeated_key(body, 2, "weights") : null);
  if (twice !== null) refuse(`${twice} stands there twice: keep one of the two`);
  return Object.entries(nested ? inner : content).map(([name, value]) => {
    const i = place_of(name, names);
    if (i < 0) refuse(unknown(name, names));
    const share = typeof value === "object" ? null : LONE.exec(String(value).trim());
    return { i, ...share_of(share, name, JSON.stringify(value)) };
  });
}

// The share and its unit that LONE read; refuses what is none.
function share_of(share, name, text) {
  if (share === null) refuse(`${name}: ${text} is no share: give a number`);
  return { share: Number(share[1]), percent: share[2] === "%" };
}

// A key that stands twice in the object at a depth of JSON, inside the value of a key of the whole
// where one is named; null: none. JSON.parse keeps the last one in silence.
function repeated_key(body, depth, under) {
  const keys = new Set(), tokens = body.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g);
  let level = 0, section = null;
  for (const [place, token] of tokens.entries()) {
    if (token === "{" || token === "[") level++;
    if (token === "}" || token === "]") level--;
    if (tokens[place + 1] !== ":" || !token.startsWith('"')) continue;
    const key = JSON.parse(token);
    if (level === 1) section = key;
    if (level !== depth || (under !== null && section !== under)) continue;
    if (keys.has(key)) return key;
    keys.add(key);
  }
  return null;
}

// Of a row of names above a row of shares; null: it is no such table.
function table_items(body, names) {
  const rows = body.split(/\r?\n/).filter((line) => line.trim() !== "");
  for (const separator of ["\t", ";", ","]) {
    const [heading, ...values] = rows.map((line) => cells_of(line, separator));
    const places = heading.map((cell) => place_of(unquoted(cell), names));
    const known = places.filter((i) => i >= 0).length;
    const numbers = values.length > 0 && values[0].some((cell) => LONE.test(cell.trim()));
    const named = heading.some((cell) => LONE.test(cell.trim()));
    if (!numbers || named || known === 0) continue;
    if (values.length > 1)
      refuse(`${values.length} rows of shares: paste the heading and one of them`);
    if (values[0].length !== heading.length)
      refuse(`${heading.length} names and ${values[0].length} shares: give each name one`);
    return cells_to_items(heading, values[0], names);
  }
  return null;
}

function cells_to_items(heading, cells, names) {
  const items = [];
  heading.forEach((cell, column) => {
    const name = unquoted(cell), i = place_of(name, names);
    const share = LONE.exec(unquoted(cells[column]));
    // a first column that numbers or names the run is none of the shares
    if (i < 0 && column === 0 && (share === null || ROW.test(name))) return;
    if (i < 0) refuse(unknown(name, names));
    items.push({ i, ...share_of(share, name, `“${cells[column].trim()}”`) });
  });
  return items;
}

// The cells of a line of a table; a separator in quotes separates nothing.
function cells_of(line, separator) {
  const cells = [""];
  let quoted = false;
  for (const letter of line) {
    if (letter === '"') quoted = !quoted;
    if (letter === separator && !quoted) cells.push("");
    else cells[cells.length - 1] += letter;
  }
  return cells;
}

// Of lines, or of parts between commas: a name and a share, or a share and a name.
function listed_items(body, names) {
  const items = [];
  for (const whole of body.split(/\r?\n/)) {
    const line = whole.trim().replace(/^\|\s*|\s*\|$/g, "").replace(/^train on\s+/i, "");
    const item = item_of(line, names) ?? item_of(line.replace(/\s+#.*$/, ""), names);
    if (item !== null) items.push(item);
    else if (line !== "" && !HEADING.test(line)) items.push(...items_of_line(line, names));
  }
  return items;
}

// Of the parts of one line. Names may hold commas and `and`: parts are joined until they name a
// domain.
function items_of_line(line, names) {
  const items = [];
  let waiting = "";
  const parts = line.split(/([,;]|\s+and\s+)/);
  for (let place = 0; place < parts.length; place += 2) {
    waiting += parts[place];
    const part = waiting.trim(), item = item_of(part, names);
    if (item !== null) items.push(item);
    if (item !== null || part === "") waiting = "";
    else waiting += parts[place + 1] ?? "";
  }
  if (waiting !== "") refuse(not_understood(waiting.trim(), names));
  return items;
}

// A name with its share, the share before or after it; null: no domain has the name.
function item_of(text, names) {
  const line = text.replace(/^[-*•]\s+/, "").replace(/\.$/, "");
  const after = NAME_FIRST.exec(line), before = NUMBER_FIRST.exec(line);
  const readings = [];
  if (after !== null) readings.push([after[1], after[2], after[3]]);
  if (before !== null) readings.push([before[3], before[1], before[2]]);
  for (const [name, share, percent] of readings) {
    const i = place_of(unquoted(name), names);
    if (i >= 0) return { i, share: Number(share), percent: percent === "%" };
  }
  return null;
}

// Why a part of a text says nothing of a domain.
function not_understood(text, names) {
  const part = text.split(/[,;]/)[0].trim();
  const after = NAME_FIRST.exec(part), before = NUMBER_FIRST.exec(part);
  if (LONE.test(part))
    return `“${part}” has no name: write name: share, and decimals with a point`;
  if (after !== null) return unknown(unquoted(after[1]), names);
  if (before !== null) return unknown(unquoted(before[3]), names);
  return `“${part}” has no share: write name: share`;
}

function unknown(name, names) {
  return `${name} is no domain here: choose among ${listed(names)}`;
}

// A name without its quotes.
function unquoted(text) {
  const trimmed = text.trim().replace(/\s*[:=]$/, "");
  const quoted = /^(["'`“])(.*)["'`”]$/s.exec(trimmed);
  if (quoted === null) return trimmed;
  try {
    return quoted[1] === '"' ? JSON.parse(trimmed) : quoted[2];
  } catch {
    return quoted[2].replaceAll('""', '"');
  }
}

// The domain that a name means: itself, or the only one that it is but for case, spaces and accents
// that are written in two ways; -1: none.
function place_of(name, names) {
  const exact = names.indexOf(name);
  if (exact >= 0) return exact;
  const plain = (text) => text.normalize().trim();
  for (const alike of [plain, (text) => plain(text).toLowerCase()]) {
    const places = names.map((_, i) => i).filter((i) => alike(names[i]) === alike(name));
    if (places.length === 1) return places[0];
  }
  return -1;
}

// Items as weights that sum to 1, and notes of what was assumed; refuses what is no mixture.
function weighed_up(items, names) {
  if (items.length === 0) refuse("no share is pasted: write name: share, one a line");
  const places = items.map((item) => item.i);
  const twice = places.find((i, place) => places.indexOf(i) < place);
  if (twice !== undefined) refuse(`${names[twice]} stands there twice: keep one of the two`);
  const below = items.find((item) => item.share < 0);
  if (below) refuse(`${names[below.i]} is ${below.share}: give shares of 0 or more`);
  const counted = items.filter((item) => item.share > 0), notes = [];
  const percents = counted.filter((item) => item.percent).length;
  if (percents > 0 && percents < counted.length)
    refuse("some shares are percent and some are not: write all alike");
  const total = sum(items.map((item) => item.share));
  const whole = percents > 0 || Math.abs(total / 100 - 1) <= OFF ? 100 : 1;
  if (!(Math.abs(total / whole - 1) <= OFF)) refuse(far_from_whole(total, whole));
  if (whole === 100 && percents === 0) notes.push("read as percent");
  const words = [total, whole].map((value) => sum_words(value, whole));
  if (Math.abs(total / whole - 1) > 1e-9)
    notes.push(`the shares sum to ${words[0]}: scaled to ${words[1]}`);
  const missing = names.filter((_, i) => !places.includes(i));
  if (missing.length > 0) notes.push(`not named, so 0: ${listed(missing)}`);
  const weights = names.map(() => 0);
  items.forEach((item) => (weights[item.i] = item.share / total));
  return { weights, notes };
}

const sum_words = (total, whole) =>
  `${Number(total.toPrecision(6))}${whole === 100 ? " %" : ""}`;

function far_from_whole(total, whole) {
  if (total > 2 && whole === 1)
    return `the numbers sum to ${sum_words(total, 1)}: give shares that sum to 1, or to 100 %`;
  const way = total < whole ? "add what is missing" : "take some off";
  return `the shares sum to ${sum_words(total, whole)}, not ${sum_words(whole, whole)}: ${way}`;
}

if (typeof module !== "undefined") module.exports = { parsed };
