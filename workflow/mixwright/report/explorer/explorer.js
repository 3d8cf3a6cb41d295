// The explorer itself: it reads the page's data, and answers what people do.

// `app` holds what is shown: data, history, rows, and what was worked out for the present surface.
// `app.live` is the mixture under a moving slider; null: that of the state.

// The data of a page: JSON, compressed, in base64.
async function unzipped(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const state_of = (app) => app.history.present;

// ---------------------------------------------------------------- what is worked out

// Length of the run at which a law in amounts is asked: that of a study's goal where it is known.
function length_of({ amounts, goal }) {
  return amounts !== null && goal.of === "study" && goal.tokens !== null ? "goal" : "runs";
}

// What follows from the state but not from the weights: worked out when anything else changed.
function settle(app) {
  const { data } = app, state = state_of(app), { view, surface } = shown_view(data, state);
  const at = length_of(surface), limits = limits_in(data, surface, state);
  const weights_of_goal = weights_in(surface, state), shares = target_shares(surface, weights_of_goal);
  const readout = shares === null ? null : goal_readout(surface, shares);
  const natural = in_names(data.presets[0].weights, surface.domains);
  const best = best_in(app, surface, limits, weights_of_goal, shares, at);
  const names = surface.domains, predicted = (w) => evaluate(surface, as_mixture(w, names), at);
  const goal = (w) => (readout === null ? null : goal_at(surface, shares, readout, w, at));
  const natural_at = predicted(natural), best_at = best === null ? null : predicted(best);
  const sources = as_list(data.source_tokens, names);
  Object.assign(app, {
    view, surface, at, limits, weights_of_goal, shares, readout, natural, best, natural_at, best_at,
    goal_words: goal_words(surface, shares), natural_goal: goal(natural), best_goal: best === null ? null : goal(best), sources,
    ranges: ranges_of(state.weights, state.locks, limits), axes: axes_in(app, surface, at, natural_at, best_at),
  });
}

// What the goal is over: ` of web`, ` of 3 targets`.
function goal_words(surface, shares) {
  const counted = surface.targets.filter((_, t) => shares !== null && shares[t] > 0);
  return counted.length === 1 ? ` of ${counted[0].name}` : ` of ${counted.length} targets`;
}

// The best mixture of the law inside the limits, locks aside: the surface's own where nothing was
// changed, else solved for once; null: there is none.
function best_in(app, surface, limits, weights_of_goal, shares, at) {
  if (shares === null) return null;
  const { goal } = surface, { least, most, groups } = limits;
  const key = JSON.stringify([app.data.surfaces.indexOf(surface), least, most, groups, weights_of_goal]);
  if (!app.solved_for.has(key)) {
    const own_goal = weights_of_goal === goal.weights && feasible(goal.best?.weights ?? [], limits).length === 0;
    const importance = importance_of(surface, weights_of_goal);
    const best = own_goal && goal.best !== null && JSON.stringify(limits) === JSON.stringify(limits_of(surface))
      ? goal.best.weights : optimum(surface, { importance, limits, at }).weights;
    app.solved_for.set(key, best);
  }
  return app.solved_for.get(key);
}

// A target's axis shows natural, the optimum and every preset with their intervals.
function axes_in(app, surface, at, natural_at, best_at) {
  const shown = app.data.presets.map(({ weights }) => {
    const w = in_names(weights, surface.domains);
    return evaluate(surface, as_mixture(w, surface.domains), at);
  });
  if (best_at !== null) shown.push(best_at);
  return natural_at.targets.map((target, t) => {
    const marks = [target.value, target.low, target.high];
    for (const { targets } of shown) marks.push(targets[t].value, targets[t].low, targets[t].high);
    return axis_of(marks);
  });
}

// All that is said of the mixture as it is.
function reading_of(app) {
  const state = state_of(app), weights = app.live ?? state.weights;
  const { surface, view, data, at, limits, shares, readout, natural, best } = app;
  const evaluated = evaluate(surface, as_mixture(weights, surface.domains), at);
  const budget = state.tokens, passes_made = passes(weights, budget, app.sources);
  const spoken = weights.map((weight, k) => passes_words(weight, passes_made[k], budget, data.max_epochs));
  const goal = readout === null ? null : goal_at(surface, shares, readout, weights, at);
  const against = (other) => (goal === null || other === null ? null : goal_difference(readout, goal, other));
  const reading = {
    weights, surface, view, data, at, limits, shares, readout, evaluated, budget, passes_made, spoken, goal,
    natural_title: data.presets[0].title, natural_at: app.natural_at, best_at: app.best_at, axes: app.axes,
    natural: against(app.natural_goal), best: against(app.best_goal),
    from_natural: distance(weights, natural), from_best: best === null ? null : distance(weights, best),
    broken: feasible(weights, limits), goal_words: app.goal_words,
  };
  return { ...reading, notes: notes_of(reading) };
}

// ---------------------------------------------------------------- painting

// Draws what a moving slider changes.
function paint(app) {
  const reading = reading_of(app);
  app.reading = reading;
  paint_domains(app.domain_rows, reading);
  paint_groups(app.group_rows, reading);
  paint_targets(app.target_rows, reading);
  paint_summary(reading);
  paint_cover(reading);
}

// Draws all.
function paint_all(app) {
  settle(app);
  paint(app);
  const state = state_of(app);
  paint_tracks(app.domain_rows, { ...app, locks: state.locks });
  paint_words(app, state);
  paint_fields(app, state);
  order_rows(app);
}

// Words that only a step changes.
function paint_words(app, state) {
  const { surface, view, data, readout } = app;
  const words = [stands_for(view, surface)];
  if (app.at === "goal") words.push(`Predicted at ${tokens_words(surface.amounts.goal.total)} tokens, the final run of the goal.`);
  else if (surface.amounts !== null) words.push("Predicted at the length of the longest run, none repeated.");
  write(by_id("law"), words.filter(Boolean).join(" "));
  write(by_id("level"), `${Math.round(100 * surface.interval.level)} %`);
  show(by_id("chance"), app.reading.evaluated.targets.some((target) => target.by_chance));
  const known = app.sources.filter((tokens) => tokens !== null).length;
  const budget = known === 0 ? "How large the sources are is unknown here, so passes over them are too." : "";
  write(by_id("budget"), budget);
  const averaged = readout !== null && readout.unit.startsWith("points");
  let hint = "How much each target counts; they are scaled to sum to 1. 0 leaves a target out of the goal.";
  if (averaged) hint += " The goal is a mean of shares of right answers: a point of each counts alike.";
  if (readout === null || readout.unit === "in mixed units") hint += " These targets have several units: weights also say how much a unit of each is worth.";
  write(by_id("weights-hint"), hint);
  for (const name of ["undo", "redo"]) {
    const list = name === "undo" ? app.history.past : app.history.future;
    app.root.querySelector(`[data-do=${name}]`).disabled = list.length === 0;
  }
  app.root.querySelector("[data-do=optimise]").disabled = readout === null;
  write(by_id("propose"), propose_words(app, state));
  show(by_id("propose-line"), data.propose !== "");
  write(by_id("export"), (data.exports[by_id("format").value] ?? "").replaceAll("MIXTURE", "mixture.json"));
}

// The line of `mixwright propose` that solves what Re-optimise solves.
function propose_words(app, { weights, locks, importance, mixer }) {
  const { data, surface, limits } = app, { never_worse, available, tokens } = surface.goal;
  // how much there is, where the law or a limit against natural asks for it
  const asks = available !== null && (surface.amounts !== null || never_worse.length > 0);
  const sizes = asks ? { tokens, source_tokens: as_mixture(available, surface.domains) } : {};
  const options = propose_options(limits, weights, locks, importance, never_worse, sizes);
  if (options === null) return "A name here holds +, =, < or >, or begins with -: the command line cannot take it.";
  return `${data.propose.replaceAll("MIXER", mixer)}${options} --to mixture.json`;
}

// Numbers of fields that only a step changes.
function paint_fields(app, state) {
  by_id("mixer").value = state.mixer;
  write_field(by_id("tokens"), state.tokens === null ? "" : tokens_words(state.tokens).replace(" ", ""));
  const percent = (share) => String(Number((100 * share).toFixed(4)));
  const pairs = [...app.limits.least.map((least, k) => [least, app.limits.most[k]]), ...app.limits.groups.map(({ least, most }) => [least, most])];
  app.limit_fields.forEach(([floor, cap], row) => {
    write_field(floor, percent(pairs[row][0]));
    write_field(cap, percent(pairs[row][1]));
  });
  app.weight_fields.forEach((field, t) => {
    const { name } = app.surface.targets[t];
    write_field(field, String(Object.hasOwn(app.weights_of_goal, name) ? app.weights_of_goal[name] : 0));
  });
}

// Puts rows into the orders that somebody chose; a moving slider never moves its own row.
function order_rows(app) {
  const { domains, targets } = orders_of(state_of(app)), { weights, evaluated } = app.reading;
  const named = (list) => list.map((_, k) => -k);
  const effects = () => effects_of(app.surface, app.readout, weights, app.at).map((effect) => effect === null ? null : Math.abs(effect));
  const domain_keys = {
    name: () => named(weights), weight: () => weights, natural: () => app.natural,
    effect: () => (app.readout === null ? named(weights) : effects()),
  };
  const relative = (value, t) => value / (Math.abs(app.natural_at.targets[t].value) || 1);
  const target_keys = {
    name: () => named(evaluated.targets), importance: () => app.shares ?? named(evaluated.targets),
    difference: () => evaluated.targets.map(({ value }, t) => Math.abs(relative(value - app.natural_at.targets[t].value, t))),
    uncertainty: () => evaluated.targets.map(({ low, high }, t) => (low === null ? null : relative(high - low, t))),
  };
  arrange(by_id("domains"), app.domain_rows, by_falling(domain_keys[domains]()), 0);
  arrange(by_id("targets"), app.target_rows, by_falling(target_keys[targets]()), 1);
  by_id("domain-order").value = domains;
  by_id("target-order").value = targets;
}

// Puts rows after the box's first `heads` children, where they are not in this order.
function arrange(box, rows, order, heads) {
  const wanted = order.map((k) => rows[k].row);
  const present = [...box.children].slice(heads);
  if (wanted.every((row, k) => row === present[k])) return;
  box.append(...wanted);
}

// ---------------------------------------------------------------- steps

// Makes a step of the history, keeps it in the address, and draws it.
function step(app, change) {
  app.live = null;
  app.base = null;
  go(app, stepped(app.history, { ...state_of(app), ...change }));
}

function go(app, history) {
  app.live = null;
  app.base = null;
  app.history = history;
  paint_all(app);
  keep_in_address(app);
}

function keep_in_address(app) {
  app.hash = `#${encoded(state_of(app), app.surface.domains)}`;
  // a page inside another may not change its address
  try {
    history.replaceState(null, "", app.hash);
  } catch {
    app.hash = "";
  }
}

function tell(app, words, warn = false) {
  const box = by_id("message");
  show(box, words !== "");
  write(box, words);
  mark(box, "class", warn ? "notice warn" : "notice");
}

// Moves a domain while a slider moves; the step is made when it rests.
function move(app, k, weight) {
  const before = performance.now();
  if (app.base === null || app.base.k !== k) app.base = { k, weights: app.live ?? state_of(app).weights };
  app.live = moved(app.base.weights, k, weight, state_of(app).locks, app.limits);
  paint(app);
  window.mixwrightTimes.push(performance.now() - before);
}

// Takes a mixture; locked domains keep their weights.
function take(app, weights, words) {
  const { locks, weights: present } = state_of(app);
  let taken = weights, more = "";
  if (locks.some(Boolean)) {
    taken = inside(weights.map((weight, i) => (locks[i] ? present[i] : weight)), app.limits, locks);
    more = " Locked domains keep their weights.";
  }
  step(app, { weights: taken });
  tell(app, words + more);
}

function optimise(app) {
  const { weights, locks } = state_of(app), { surface, limits, at } = app;
  const importance = importance_of(surface, app.weights_of_goal);
  const { never_worse } = surface.goal;
  const answer = optimum(surface, { importance, locks, weights, limits, never_worse, at });
  if (answer.weights === null) {
    tell(app, `No mixture was chosen: ${answer.reason}.`, true);
    return;
  }
  app.gap = { weights: answer.weights, value: answer.gap };
  step(app, { weights: answer.weights });
  const where = locks.some(Boolean) ? "your locks and limits" : "the limits";
  const unit = unit_of_gap(app);
  const bound = answer.gap < 1e-6 ? "less than a millionth" : `at most ${answer.gap.toPrecision(1)}`;
  let words = `This is the best mixture inside ${where} by the law: no other is better by more than ${answer.gap.toPrecision(2)}${unit}.`;
  if (answer.gap < 1e-6) words = `This is the best mixture inside ${where} by the law: any other is better by ${bound}${unit}.`;
  if (!answer.certified) words = `This is the best mixture that was reached inside ${where}, but it is not certified: ${answer.reason}.`;
  tell(app, words, !answer.certified);
}

function unit_of_gap({ surface, shares }) {
  const units = new Set(surface.targets.filter((_, t) => shares[t] > 0).map(({ number }) => number.unit_of_y));
  const [unit] = units;
  return units.size === 1 && unit !== "" ? ` ${unit}` : "";
}

// Takes a floor or a cap of a domain or a group; what would leave no mixture is refused in words.
function limit(app, row, side, percent) {
  const { limits } = app, domains = limits.least.length, state = state_of(app);
  const share = percent / 100;
  if (!(share >= 0 && share <= 1)) return turn_down(app, "give a limit from 0 to 100 percent");
  let change;
  if (row < domains) change = { [side]: limits[side].map((each, k) => (k === row ? share : each)) };
  else
    change = {
      groups: limits.groups.map((group, g) => {
        const ends = [group.least, group.most];
        if (g === row - domains) ends[side === "least" ? 0 : 1] = share;
        return ends;
      }),
    };
  const next = limits_in(app.data, app.surface, { ...state, ...change });
  const fault = conflict(next, state.weights, state.locks);
  if (fault !== "") return turn_down(app, fault);
  tell(app, "");
  step(app, { ...change, weights: inside(state.weights, next, state.locks) });
}

// Says why a field was not taken, and puts back what it was.
function turn_down(app, words) {
  tell(app, `Not taken: ${words}.`, true);
  for (const field of app.root.querySelectorAll("input")) field.shown = undefined;
  paint_all(app);
}

// Takes the weight of a target in the goal.
function weigh(app, t, weight) {
  const { surface, weights_of_goal } = app;
  if (!(weight >= 0 && Number.isFinite(weight))) return turn_down(app, "give a weight of 0 or more");
  const weights = {};
  surface.targets.forEach(({ name }, i) => {
    const before = Object.hasOwn(weights_of_goal, name) ? weights_of_goal[name] : 0;
    weights[name] = i === t ? weight : before;
  });
  const none = Object.values(weights).every((each) => each === 0);
  if (none && surface.goal.weights.length > 0) return turn_down(app, "one target at least must count");
  tell(app, "");
  step(app, { importance: weights });
}

function paste(app) {
  const answer = parsed(by_id("paste").value, app.surface.domains);
  const fault = by_id("paste-fault");
  write(fault, answer.error ? `Not taken: ${answer.error}.` : "");
  if (answer.error) return;
  take(app, answer.weights, ["The pasted mixture is taken.", ...answer.notes].join(" "));
}

function budget(app, text) {
  const tokens = tokens_typed(text);
  if (Number.isNaN(tokens)) return turn_down(app, "write tokens such as 1.5B or 300M");
  tell(app, "");
  step(app, { tokens });
}

// ---------------------------------------------------------------- out of the page

function download(app) {
  const text = `${JSON.stringify(proposal_of(app.reading), null, 2)}\n`;
  const link = element("a", { download: "mixture.json" });
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Copies text; where the browser refuses, selects it so that Ctrl+C does.
async function copy(app, text, node) {
  try {
    await navigator.clipboard.writeText(text);
    tell(app, "Copied.");
  } catch {
    show(node.closest(".line"), true);
    write(node, text);
    getSelection().selectAllChildren(node);
    tell(app, "The browser does not let pages copy: the text is selected, press Ctrl+C.");
  }
}

// The state of the address, where it holds one.
function read_address(app) {
  const text = location.hash.slice(1);
  if (location.hash === app.hash || document.getElementById(decodeURIComponent(text))) return;
  const { state, error } = decoded(text, app.data.surfaces[0].domains);
  if (error) tell(app, `The link's mixture cannot be read: ${error}.`, true);
  else if (state !== null) go(app, stepped(app.history, { ...state_of(app), ...state }));
}

// ---------------------------------------------------------------- events

const ACTIONS = {
  undo: (app) => go(app, undone(app.history)),
  redo: (app) => go(app, redone(app.history)),
  reset: (app) => { tell(app, ""); step(app, first_state(app.data)); },
  link: (app) => {
    const address = location.href.split("#")[0] + `#${encoded(state_of(app), app.surface.domains)}`;
    return copy(app, address, by_id("link"));
  },
  preset: (app, { k }) => {
    const { title, weights } = app.data.presets[k];
    take(app, in_names(weights, app.surface.domains), `Taken: ${title}.`);
  },
  lock: (app, { k }) => step(app, with_entry(state_of(app), "locks", state_of(app).locks, Number(k), !state_of(app).locks[k])),
  unlock: (app) => step(app, { locks: state_of(app).locks.map(() => false) }),
  optimise,
  limits: (app) => { tell(app, ""); step(app, { least: null, most: null, groups: null }); },
  weights: (app) => { tell(app, ""); step(app, { importance: null }); },
  paste,
  download,
  "copy-export": (app) => copy(app, by_id("export").textContent, by_id("export")),
  "copy-propose": (app) => copy(app, by_id("propose").textContent, by_id("propose")),
};

const CHANGES = {
  "explorer-mixer": (app, { value }) => step(app, { mixer: value }),
  "explorer-domain-order": (app, { value }) => step(app, { sort: `${value} ${orders_of(state_of(app)).targets}` }),
  "explorer-target-order": (app, { value }) => step(app, { sort: `${orders_of(state_of(app)).domains} ${value}` }),
  "explorer-tokens": (app, { value }) => budget(app, value),
  "explorer-format": (app) => paint_words(app, state_of(app)),
};

function on_input(app, { target }) {
  target.typing = true;
  if (target.type !== "range") return;
  target.touched = true;
  move(app, Number(target.dataset.k), Number(target.value) / 100);
}

function on_change(app, { target }) {
  target.typing = false;
  target.shown = undefined;
  const { k, row, side, t } = target.dataset;
  if (Object.hasOwn(CHANGES, target.id)) return CHANGES[target.id](app, target);
  if (target.type === "range" && app.live !== null) step(app, { weights: app.live });
  else if (k !== undefined && target.type === "number") {
    if (target.value === "" || !target.validity.valid) return turn_down(app, "give a share from 0 to 100 percent");
    move(app, Number(k), Number(target.value) / 100);
    step(app, { weights: app.live });
  } else if (row !== undefined) limit(app, Number(row), side, target.value === "" ? NaN : Number(target.value));
  else if (t !== undefined) weigh(app, Number(t), target.value === "" ? NaN : Number(target.value));
}

function on_key(app, event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  if (event.target.tagName === "TEXTAREA" || event.target.typing) return;
  const key = event.key.toLowerCase(), back = key === "z" && !event.shiftKey;
  if (!back && key !== "y" && key !== "z") return;
  event.preventDefault();
  ACTIONS[back ? "undo" : "redo"](app);
}

function listen(app) {
  const { root } = app;
  root.addEventListener("input", (event) => on_input(app, event));
  root.addEventListener("change", (event) => on_change(app, event));
  root.addEventListener("keydown", (event) => on_key(app, event));
  root.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-do]");
    if (button !== null) ACTIONS[button.dataset.do](app, button.dataset);
  });
  window.addEventListener("hashchange", () => read_address(app));
}

// ---------------------------------------------------------------- the start

// Makes the rows, choices and fields of a page.
function build(app) {
  const { data } = app, surface = data.surfaces[0], names = surface.domains;
  app.domain_rows = names.map(domain_row);
  app.group_rows = limits_of(surface).groups.map((group) => group_row(group, names));
  app.target_rows = surface.targets.map(({ name }) => target_row(name));
  by_id("domains").append(...app.domain_rows.map(({ row }) => row));
  by_id("groups").append(...app.group_rows.map(({ row }) => row));
  const title = data.presets[0].title;
  by_id("targets").append(target_heads(title, shared_unit(surface)), ...app.target_rows.map(({ row }) => row));
  by_id("presets").append(
    ...data.presets.map((preset, k) => element("button", { type: "button", "data-do": "preset", "data-k": k }, preset.title)));
  for (const id of ["legend", "legend-too"]) write(by_id(id), `${title} `);
  fill_select(by_id("mixer"), Object.fromEntries(data.views.map(({ mixer }) => [mixer, mixer])));
  show(by_id("mixers"), data.views.length > 1);
  fill_select(by_id("domain-order"), DOMAIN_ORDERS);
  fill_select(by_id("target-order"), TARGET_ORDERS);
  fill_select(by_id("format"), Object.fromEntries(Object.keys(data.exports).map((name) => [name, name])));
  for (const id of ["formats", "export-line"]) show(by_id(id), Object.keys(data.exports).length > 0);
  build_limits(app, names, limits_of(surface).groups);
  build_weights(app, surface);
}

function build_limits(app, names, groups) {
  const titles = [...names, ...groups.map(({ members }) => members.map((member) => names[member]).join(" + "))];
  app.limit_fields = titles.map((name, row) => {
    const ends = [["least", `least of ${name}`], ["most", `most of ${name}`]];
    const fields = ends.map(([side, words]) => number_field(side, { max: 100, "data-row": row, "data-side": side, "aria-label": `${words}, percent` }, "%"));
    by_id("limits").append(element("div", { role: "group", "aria-label": name }, element("span", { class: "name" }, name), ...fields.map(({ label }) => label)));
    return fields.map(({ field }) => field);
  });
}

function build_weights(app, surface) {
  app.weight_fields = surface.targets.map(({ name }, t) => {
    const { label, field } = number_field(name, { "data-t": t }, "");
    by_id("weights").append(label);
    return field;
  });
}

function start_explorer(root, data) {
  window.mixwrightTimes = [];
  const app = {
    root, data, history: new_history(first_state(data)), live: null, base: null, solved_for: new Map(),
    hash: null,
  };
  build(app);
  paint_all(app);
  read_address(app);
  listen(app);
  root.hidden = false;
  root.dataset.ready = "yes";
}

if (typeof document !== "undefined")
  unzipped(document.getElementById("explorer-data").textContent).then((data) =>
    start_explorer(document.getElementById("explorer"), data));
