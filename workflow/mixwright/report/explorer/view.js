// What the explorer draws. Rows are made once; after that only text and styles that changed are
// written, and nothing asks the page for its layout.

const LOCK = `<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
  <rect x="3" y="7" width="10" height="7" rx="1.5"/>
  <path class="shackle" d="M5.2 7V5a2.8 2.8 0 0 1 5.6 0v2"/></svg>`;

const by_id = (id) => document.getElementById(`explorer-${id}`);

// An element with attributes and children; text is set as text, never read as HTML.
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Writes text, an attribute or a style where it is not what stands there.
function write(node, text) {
  if (node.written === text) return;
  node.written = text;
  node.textContent = text;
}

function mark(node, name, value) {
  node.marks ??= {};
  if (node.marks[name] === value) return;
  node.marks[name] = value;
  node.setAttribute(name, value);
}

function style(node, name, value) {
  node.styles ??= {};
  if (node.styles[name] === value) return;
  node.styles[name] = value;
  node.style[name] = value;
}

function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

const across = (share) => `${(100 * Math.min(1, Math.max(0, share))).toFixed(2)}%`;

// A select's choices: value -> words.
function fill_select(select, choices) {
  select.replaceChildren(
    ...Object.entries(choices).map(([value, words]) => {
      const option = element("option", {}, words);
      option.value = value;
      return option;
    }),
  );
}

// A name that may go on in the next line after each of its parts.
function breakable(name) {
  const parts = name.split(/(?<=[_./-])/);
  return parts.flatMap((part, k) => (k === 0 ? [part] : [element("wbr"), part]));
}

// A row a domain: name, slider over its track, number, lock, and what the tokens say.
function domain_row(name, k) {
  const track = {};
  for (const part of ["fill", "low", "high", "natural", "best"])
    track[part] = element("i", { class: part, "aria-hidden": "true" });
  const range = element("input", {
    type: "range", min: 0, max: 100, step: 0.1, "data-k": k, "aria-label": `weight of ${name}`,
  });
  const field = element("input", {
    type: "number", min: 0, max: 100, step: "any", "data-k": k, "aria-label": `${name} in percent`,
  });
  const lock = element("button", {
    type: "button", class: "lock", "data-do": "lock", "data-k": k, "aria-label": `lock ${name}`,
    "aria-pressed": "false", title: "lock: other sliders leave it alone",
  });
  lock.innerHTML = LOCK;
  const box = element("span", { class: "track" }, ...Object.values(track), range);
  const number = element("span", { class: "number" }, field);
  const edges = edge_fields(name, k);
  const words = element("small", {});
  const title = element("span", { class: "name", title: name }, ...breakable(name));
  const named = { class: "domain", role: "group", "aria-label": name };
  const row = element("div", named, title, box, number, ...edges.cells, lock, words);
  return { row, range, field, lock, words, box, edges: edges.fields, ...track };
}

// Fields of the least and the most of a row; an empty one is no limit.
function edge_fields(name, row) {
  const made = [["least", "min", 0], ["most", "max", 100]].map(([side, title, none]) => {
    const field = element("input", {
      type: "number", min: 0, max: 100, step: "any", "data-row": row, "data-side": side,
      placeholder: none, "aria-label": `${title} of ${name}, percent`,
    });
    return field;
  });
  return { cells: made.map((field) => element("span", { class: "edge" }, field)), fields: made };
}

// Writes a row's least and most; no limit leaves the field empty.
function write_edges([least, most], { least: floor, most: cap }) {
  // as many digits as the field has room for
  const percent = (share) => String(Number((100 * share).toPrecision(share < 0.01 ? 3 : 4)));
  write_field(least, floor > 0 ? percent(floor) : "");
  write_field(most, cap < 1 ? percent(cap) : "");
}

// A row a target: name, number with interval, both on the target's axis, and differences.
function target_row(name) {
  const cell = (kind, ...children) => element("span", { class: kind, role: "cell" }, ...children);
  const change = (...children) => element("span", { class: "change", role: "cell" }, ...children);
  const bar = {};
  for (const part of ["interval", "natural", "best", "here"])
    bar[part] = element("i", { class: part, "aria-hidden": "true" });
  const nodes = { value: element("b"), from_natural: element("span"), from_best: element("span") };
  for (const small of ["ends", "share", "unit", "from_natural_words", "from_best_words"])
    nodes[small] = element("small");
  const named = { class: "name", role: "rowheader", title: name };
  const row = element(
    "div", { class: "target", role: "row" },
    element("span", named, ...breakable(name), nodes.share),
    cell("value", nodes.value, nodes.unit, nodes.ends), cell("axis", ...Object.values(bar)),
    change(nodes.from_natural, nodes.from_natural_words),
    change(nodes.from_best, nodes.from_best_words),
  );
  return { row, bar, changes: [...row.querySelectorAll(".change")], ...nodes };
}

// The heading of the targets' table.
function target_heads(unit) {
  const words = ["target", unit ?? "predicted", "", "", ""];
  const kinds = ["name", "value", "axis", "change", "change"];
  const heads = words.map((text, c) =>
    element("span", { class: kinds[c], role: "columnheader" }, text));
  const row = element("div", { class: "target heads", role: "row" }, ...heads);
  return { row, changes: heads.slice(-2) };
}

// Writes with what the targets are compared: over the columns, and in every row for narrow pages.
function paint_heads(heads, rows, { natural_title, limited }) {
  const other = limited === "" ? "optimum" : `without ${limited}`;
  [`than ${natural_title}`, `than ${other}`].forEach((words, c) => {
    write(heads.changes[c], words);
    for (const { changes } of rows) mark(changes[c], "data-head", words);
  });
}

// A field of a details box: words and a number.
function number_field(words, attributes, unit) {
  const field = element("input", { type: "number", min: 0, step: "any", ...attributes });
  return { label: element("label", {}, element("span", {}, words), field, unit), field };
}

// Writes a number into a field, unless somebody is typing there.
function write_field(field, value) {
  if (field.shown === value || (field === document.activeElement && field.typing)) return;
  field.shown = value;
  field.value = value;
}

// The line between the targets of the goal and the others.
function apart_row() {
  const words = element("span", { role: "cell" }, "Not in the goal: watched only");
  return element("div", { class: "target apart", role: "row" }, words);
}

// What the choice of a mixture to start from says of each; limits are null where nothing fits.
function preset_words(preset, presets, limits) {
  const words = [preset.title];
  const some = presets.some(({ measured }) => measured !== "");
  if (some && preset.measured === "") words.push("not trained");
  const breaks = limits !== null && feasible(preset.weights, limits).length > 0;
  if (breaks) words.push("breaks the limits");
  return words.join(", ");
}

// The fields of the targets' weights.
function weight_fields(box, surface) {
  return surface.targets.map(({ name }, t) => {
    const { label, field } = number_field(name, { "data-t": t }, "");
    box.append(label);
    return field;
  });
}

// Draws the weights of the domains.
function paint_domains(rows, reading) {
  const { weights, spoken } = reading;
  rows.forEach((row, k) => {
    const percent = Number((100 * weights[k]).toFixed(2));
    write_field(row.field, String(percent));
    if (row.range.shown !== weights[k] || row.range.touched) {
      row.range.shown = weights[k];
      row.range.touched = false;
      row.range.value = 100 * weights[k];
      mark(row.range, "aria-valuetext", `${percent} percent`);
    }
    style(row.fill, "width", across(weights[k]));
    write(row.words, spoken[k].words);
    mark(row.words, "class", spoken[k].warn ? "warning" : "");
  });
}

// Draws what moves only with limits, locks and the surface: marks and what is out of reach.
function paint_tracks(rows, { ranges, natural, best, limits }, locks) {
  rows.forEach((row, k) => {
    const [least, most] = ranges[k];
    style(row.low, "width", across(least));
    style(row.high, "left", across(most));
    style(row.natural, "left", across(natural.weights[k]));
    show(row.best, best !== null);
    if (best !== null) style(row.best, "left", across(best.weights[k]));
    const words = [`natural ${percent_of(natural.weights[k])}`];
    if (best !== null) words.push(`optimum ${percent_of(best.weights[k])}`);
    words.push(`can be ${percent_of(least)} to ${percent_of(most)}`);
    mark(row.box, "title", words.join(", "));
    write_edges(row.edges, { least: limits.least[k], most: limits.most[k] });
    mark(row.lock, "aria-pressed", String(locks[k]));
    mark(row.row, "class", locks[k] ? "domain locked" : "domain");
    if (row.range.disabled !== locks[k]) row.range.disabled = row.field.disabled = locks[k];
  });
}

// Draws a line a group: the sum of its members against its limits.
function paint_groups(rows, { limits, weights }) {
  limits.groups.forEach((group, g) => {
    const total = sum(group.members.map((member) => weights[member]));
    const over = total > group.most + 1e-6, under = total < group.least - 1e-6;
    write(rows[g].total, percent_of(total));
    write(rows[g].words, over ? "together too much" : under ? "together too little" : "together");
    mark(rows[g].words, "class", over || under ? "warning" : "");
    write_edges(rows[g].edges, group);
    style(rows[g].fill, "width", across(total));
    style(rows[g].low, "width", across(group.least));
    style(rows[g].high, "left", across(group.most));
  });
}

// A row a group, under those of the domains: its fields have the places after theirs.
function group_row(group, g, names) {
  const parts = ["fill", "low", "high"].map((part) => element("i", { class: part }));
  const track = element("span", { class: "track", "aria-hidden": "true" }, ...parts);
  const members = group.members.map((member) => names[member]).join(" + ");
  const words = element("small"), total = element("span", { class: "number" });
  const edges = edge_fields(members, names.length + g);
  const title = element("span", { class: "name", title: members }, members);
  const [fill, low, high] = parts;
  const named = { class: "domain group", role: "group", "aria-label": members };
  const row = element("div", named, title, track, total, ...edges.cells, words);
  return { row, words, total, fill, low, high, edges: edges.fields };
}

// The ends of a target's axis: all that it marks, and a margin.
function axis_of(marks) {
  const known = marks.filter((value) => value !== null && Number.isFinite(value));
  const low = Math.min(...known), high = Math.max(...known);
  const margin = 0.06 * (high - low) || 0.06 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

// Draws the predictions of all targets.
function paint_targets(rows, reading) {
  const { surface, evaluated, shares, axes } = reading, shared = shared_unit(surface);
  const before = reading.natural.evaluated.targets, optimal = reading.best?.evaluated.targets;
  const compared = reading.compared?.evaluated.targets;
  evaluated.targets.forEach((target, t) => {
    const row = rows[t], { number } = surface.targets[t], digits = digits_of(number);
    const natural = before[t], best = optimal?.[t] ?? null;
    write(row.value, decimals(target.value, digits));
    write(row.unit, shared === null ? short_unit(number) : "");
    const [low, high] = [target.low, target.high].map((end) => end ?? NaN);
    const ends = `${decimals(low, digits)} to ${decimals(high, digits)}`;
    write(row.ends, target.low === null ? "no interval" : ends);
    paint_axis(row.bar, target, natural, best, axes[t]);
    paint_change(row, "from_natural", target, natural, number);
    paint_change(row, "from_best", target, compared?.[t] ?? null, number);
    const share = shares === null || shares[t] === 0 ? "" : `${percent_of(shares[t])} of the goal`;
    write(row.share, [share, target.by_chance ? "by chance" : ""].filter(Boolean).join("; "));
    mark(row.row, "class", target.by_chance ? "target by-chance" : "target");
  });
}

const short_unit = (number) => number.unit || number.title;

// The unit of all targets; null: they have several.
function shared_unit(surface) {
  const units = new Set(surface.targets.map(({ number }) => short_unit(number)));
  return units.size === 1 ? [...units][0] : null;
}

function paint_axis(bar, target, natural, best, base) {
  const { value, low, high } = target;
  const fits = [value, low ?? value, high ?? value].every(
    (each) => each >= base[0] && each <= base[1]);
  const [from, to] = fits ? base : axis_of([...base, value, low, high]);
  const at = (number) => across((number - from) / (to - from));
  style(bar.here, "left", at(value));
  style(bar.natural, "left", at(natural.value));
  show(bar.best, best !== null);
  if (best !== null) style(bar.best, "left", at(best.value));
  show(bar.interval, low !== null);
  if (low === null) return;
  style(bar.interval, "left", at(low));
  style(bar.interval, "right", across(1 - (high - from) / (to - from)));
}

function paint_change(row, side, target, other, number) {
  if (other === null) {
    write(row[side], "–");
    write(row[`${side}_words`], "");
    return;
  }
  const difference = target.value - other.value;
  const text = decimals(Math.abs(difference), digits_of(number)), same = is_zero(text);
  const better = number.higher_is_better ? difference > 0 : difference < 0;
  write(row[side], same ? "" : text);
  write(row[`${side}_words`], same ? "same" : better ? "better" : "worse");
  mark(row[`${side}_words`], "class", same ? "" : better ? "better" : "worse");
}

// Draws the goal, and how far the mixture lies from natural and from the optimum.
function paint_summary(reading) {
  const { readout, goal_words: goal, natural_title: title } = reading;
  write(by_id("moved"), moved_words(reading));
  write(by_id("trained"), trained_words(reading));
  write(by_id("untrained"), reading.trained_inside === null ? "" : untrained_words(reading));
  show(by_id("price"), reading.price !== null);
  if (reading.price !== null)
    write(by_id("price"), price_words(reading.price, reading.limited, readout));
  if (readout === null) {
    write(by_id("goal"), "no goal");
    write(by_id("unit"), "targets have several units: weigh them below");
    for (const id of ["goal-words", "natural", "best", "agree"]) write(by_id(id), "");
    return;
  }
  write(by_id("goal"), decimals(reading.goal.value, readout.digits));
  write(by_id("unit"), readout.unit);
  write(by_id("goal-words"), `${readout.title}${goal}, predicted ${size_words(reading)}`);
  const of_natural = is_first(reading) ? "" : agreed_words(reading.goal_from_natural, title);
  write(by_id("agree"), of_natural);
  paint_gains(reading);
}

// Of models of which size a prediction is.
function size_words({ at, surface, data }) {
  if (at === "goal") return `for ${tokens_words(surface.goal.tokens)} tokens`;
  return `for models like ${data.runs}`;
}

// Whether the mixture is the one that all are compared with.
const is_first = ({ preset, presets }) => preset !== null && preset === presets[0];

function agreed_words({ agree, refits, better }, title) {
  if (refits === 0) return "No refits to ask.";
  const side = better ? "better" : "worse";
  const who = agree === refits ? `All ${refits}` : `${agree} of ${refits}`;
  return `${who} refits say ${side} than ${title}.`;
}

// What the optimum is called where the user set limits or locks, and where not.
const optimum_title = (limited) =>
  limited === "" ? "the optimum" : `the best inside your ${limited}`;

function moved_words({ from_natural, from_best, natural_title: title, limited }) {
  const words = [`${percent_of(from_natural)} of the tokens differ from ${title}`];
  if (from_best !== null && from_best > SAME_MIXTURE)
    words.push(`${percent_of(from_best)} from ${optimum_title(limited)}`);
  return `${words.join(", ")}.`;
}

// Whether runs like this, and final models of it, were trained.
function trained_words({ evaluated, preset, presets, trained_inside }) {
  if (preset !== null && preset.measured !== "")
    return `Final models of this mixture were trained, and measured ${preset.measured}.`;
  const finals = presets.some(({ measured }) => measured !== "");
  // with limits it is said beside the trained mixtures inside them
  const unsaid = finals && trained_inside === null;
  const itself = unsaid ? " No final model of this mixture was: it is predicted." : "";
  return evaluated.outside.length > 0 ? itself.trim() : `Runs like this were trained.${itself}`;
}

function paint_gains(reading) {
  const { readout, natural_title, limited, goal_from_best: best } = reading;
  const words = ({ difference, better }, other) => {
    const size = decimals(Math.abs(difference), readout.digits);
    if (is_zero(size)) return `as good as ${other}`;
    return `${size} ${better ? "better" : "worse"} than ${other}`;
  };
  write(by_id("natural"), words(reading.goal_from_natural, natural_title));
  write(by_id("best"), best === null ? "" : best_words(words, best, reading));
}

// How the mixture compares with the optimum. As good as one inside limits would read as free.
function best_words(words, best, { limited, readout }) {
  const title = optimum_title(limited), same = is_zero(decimals(best.difference, readout.digits));
  return same && limited !== "" ? title : words(best, title);
}

// Whether the mixture that is shown was trained, beside those inside the limits that were.
function untrained_words({ preset }) {
  return (preset?.place ?? null) === null ? "The mixture above is predicted only." : "";
}

// Draws the trained mixtures inside the limits, each a button that takes it.
function paint_trained({ trained_inside: inside, presets }) {
  show(by_id("inside-line"), inside !== null);
  if (inside === null) return;
  const title = "Trained and measured mixtures inside your limits";
  write(by_id("inside-words"), inside.length > 0 ? `${title}:` : `${title}: none.`);
  by_id("inside-trained").replaceChildren(...inside.map((preset) => {
    const k = presets.indexOf(preset), words = `${preset.title}: ${preset.gain || preset.measured}`;
    return element("button", { type: "button", "data-do": "preset", "data-k": k }, words);
  }));
}

// Says where the runs do not cover the mixture, and what breaks the limits.
function paint_cover({ evaluated, broken, none_fits, preset }) {
  const out = evaluated.outside, words = [];
  if (out.length > 0)
    words.push(`No runs like this were trained: ${out.join("; ")}. What is predicted is a guess.`);
  const who = preset === null ? "This mixture" : `The mixture “${preset.title}”`;
  if (broken.length > 0) words.push(`${who} breaks the limits: ${broken.join("; ")}.`);
  if (none_fits !== "") words.push(`No mixture fits the limits: ${none_fits}.`);
  write(by_id("cover"), words.join(" "));
  mark(by_id("cover").parentNode, "class", words.length > 0 ? "notice warn" : "notice");
  show(by_id("cover").nextElementSibling, broken.length > 0);
  write(by_id("inside"), out.length > 0 ? "a guess: no runs like this" : "");
}

if (typeof module !== "undefined") module.exports = { axis_of, across };
