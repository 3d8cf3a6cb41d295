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

// Whether a number in words is 0.
const is_zero = (text) => Number(text.replace("−", "-")) === 0;

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
  const number = element("span", { class: "number" }, field, element("span", {}, "%"));
  const words = element("small", {});
  const title = element("span", { class: "name", title: name }, ...breakable(name));
  const named = { class: "domain", role: "group", "aria-label": name };
  const row = element("div", named, title, box, number, lock, words);
  return { row, range, field, lock, words, box, ...track };
}

// A row a target: name, number with interval, both on the target's axis, and differences.
function target_row(name, natural) {
  const cell = (kind, ...children) => element("span", { class: kind, role: "cell" }, ...children);
  const change = (head, ...children) =>
    element("span", { class: "change", role: "cell", "data-head": `from ${head}` }, ...children);
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
    change(natural, nodes.from_natural, nodes.from_natural_words),
    change("optimum", nodes.from_best, nodes.from_best_words),
  );
  return { row, bar, ...nodes };
}

// The heading of the targets' table.
function target_heads(natural, unit) {
  const words = ["target", unit ?? "predicted", "on its axis", `from ${natural}`, "from optimum"];
  const kinds = ["name", "value", "axis", "change", "change"];
  const heads = words.map((text, c) =>
    element("span", { class: kinds[c], role: "columnheader" }, text));
  return element("div", { class: "target heads", role: "row" }, ...heads);
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

function preset_button({ title }, k) {
  return element("button", { type: "button", "data-do": "preset", "data-k": k }, title);
}

// The fields of every domain's and group's least and most, in percent; returns pairs of them.
function limit_fields(box, names, groups) {
  const of_groups = groups.map(({ members }) => members.map((member) => names[member]).join(" + "));
  return [...names, ...of_groups].map((name, row) => {
    const fields = ["least", "most"].map((side) => {
      const words = `${side} of ${name}, percent`;
      const attributes = { max: 100, "data-row": row, "data-side": side, "aria-label": words };
      return number_field(side, attributes, "%");
    });
    const title = element("span", { class: "name" }, ...breakable(name));
    const labels = fields.map(({ label }) => label);
    box.append(element("div", { role: "group", "aria-label": name }, title, ...labels));
    return fields.map(({ field }) => field);
  });
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
function paint_tracks(rows, { ranges, natural, best }, locks) {
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
    const ends = [];
    if (group.least > 0) ends.push(`at least ${percent_of(group.least)}`);
    if (group.most < 1) ends.push(`at most ${percent_of(group.most)}`);
    let words = `${percent_of(total)} together`;
    if (ends.length > 0) words += `, ${ends.join(", ")}`;
    if (over || under) words += over ? ": too much" : ": too little";
    write(rows[g].words, words);
    mark(rows[g].words, "class", over || under ? "warning" : "");
    style(rows[g].fill, "width", across(total));
    style(rows[g].low, "width", across(group.least));
    style(rows[g].high, "left", across(group.most));
  });
}

function group_row(group, names) {
  const parts = ["fill", "low", "high"].map((part) => element("i", { class: part }));
  const track = element("span", { class: "track", "aria-hidden": "true" }, ...parts);
  const members = group.members.map((member) => names[member]).join(" + ");
  const words = element("small");
  const named = element("span", { class: "name", title: members }, members);
  const [fill, low, high] = parts;
  return { row: element("div", { class: "group" }, named, track, words), words, fill, low, high };
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
    paint_change(row, "from_best", target, best, number);
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
  const difference = target.value - other.value, text = signed(difference, digits_of(number));
  const same = is_zero(text);
  const better = number.higher_is_better ? difference > 0 : difference < 0;
  write(row[side], text);
  write(row[`${side}_words`], same ? "same" : better ? "better" : "worse");
  mark(row[`${side}_words`], "class", same ? "" : better ? "better" : "worse");
}

// Draws the goal, and how far the mixture lies from natural and from the optimum.
function paint_summary(reading) {
  const { readout, natural_title: title } = reading;
  write(by_id("natural-term"), `against ${title}`);
  write(by_id("moved"), `${percent_of(reading.from_natural)} from ${title}`);
  const moved_on = `${percent_of(reading.from_best ?? 0)} from the optimum`;
  write(by_id("moved-words"), reading.from_best === null ? "" : moved_on);
  if (readout === null) {
    write(by_id("goal"), "no goal");
    write(by_id("unit"), "targets have several units: weigh them below");
    const others = ["goal-words", "gain", "natural", "best", "agree", "best-words"];
    for (const id of others) write(by_id(id), "");
    return;
  }
  write(by_id("goal"), decimals(reading.goal.value, readout.digits));
  write(by_id("unit"), readout.unit);
  write(by_id("goal-words"), `predicted ${readout.title}${reading.goal_words}`);
  paint_gains(reading);
}

function paint_gains({ readout, natural_title, goal_from_natural: natural, goal_from_best: best }) {
  const { digits } = readout;
  const words = ({ difference, better }) => {
    const text = signed(difference, digits);
    return is_zero(text) ? "no difference" : `${text} ${better ? "better" : "worse"}`;
  };
  write(by_id("natural"), words(natural));
  const size = decimals(Math.abs(natural.difference), digits);
  const gain = is_zero(size) ? "as good as" : `${size} ${natural.better ? "better" : "worse"} than`;
  write(by_id("gain"), `${gain} ${natural_title}`);
  const agreed = `${natural.agree} of ${natural.refits} refits agree on the sign`;
  write(by_id("agree"), natural.refits === 0 ? "no refits to ask" : agreed);
  write(by_id("best"), best === null ? "unknown" : words(best));
  const where = best === null ? "no mixture fits the limits" : "the best inside the limits";
  write(by_id("best-words"), where);
}

// Says whether the runs cover the mixture, and what breaks the limits.
function paint_cover({ evaluated, broken }) {
  const box = by_id("cover"), out = evaluated.outside;
  let words = "The runs cover this mixture.";
  if (out.length > 0)
    words = `The runs do not cover this mixture: ${out.join("; ")}. What is predicted is a guess.`;
  if (broken.length > 0) words += ` Outside the limits: ${broken.join("; ")}.`;
  write(box, words);
  mark(box, "class", out.length + broken.length > 0 ? "notice warn" : "notice");
  write(by_id("inside"), out.length > 0 ? "outside the runs" : "inside the runs");
  mark(by_id("inside"), "class", out.length > 0 ? "warning" : "calm");
}

if (typeof module !== "undefined") module.exports = { axis_of, across };
