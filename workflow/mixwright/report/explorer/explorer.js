// The explorer itself: it reads the page's data, and answers what people do.

// `app` holds what is shown: data, history, rows, and what was worked out for the present surface.
// `app.live` is the mixture under a moving slider; null: that of the state.

// The data of a page: JSON, compressed, in base64.
async function unzipped(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
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
  paint_tracks(app.domain_rows, app, state.locks);
  paint_words(app, state);
  paint_fields(app, state);
  order_rows(app);
}

// Words that only a step changes.
function paint_words(app, state) {
  const { surface, data, readout, reading } = app;
  write(by_id("law"), law_words(app));
  write(by_id("level"), `${Math.round(100 * surface.interval.level)} %`);
  show(by_id("chance"), reading.evaluated.targets.some((target) => target.by_chance));
  const unknown = "How large the sources are is unknown here, so passes over them are too.";
  write(by_id("budget"), app.sources.every((tokens) => tokens === null) ? unknown : "");
  write(by_id("weights-hint"), weights_words(readout));
  const { past, future } = app.history;
  app.root.querySelector("[data-do=undo]").disabled = past.length === 0;
  app.root.querySelector("[data-do=redo]").disabled = future.length === 0;
  app.root.querySelector("[data-do=optimise]").disabled = readout === null;
  write(by_id("propose"), propose_words(app, state));
  show(by_id("propose-line"), data.propose !== "");
  const line = data.exports[by_id("format").value] ?? "";
  write(by_id("export"), line.replaceAll("MIXTURE", "mixture.json"));
}

// Whose law is shown, and at which length of a run.
function law_words({ view, surface, at }) {
  const words = [stands_for(view, surface)];
  const tokens = tokens_words(surface.goal.tokens ?? 0);
  if (at === "goal") words.push(`Predicted at ${tokens} tokens, the final run of the goal.`);
  else if (surface.amounts !== null)
    words.push("Predicted at the length of the longest run, none repeated.");
  return words.filter(Boolean).join(" ");
}

// What the weights of targets mean.
function weights_words(readout) {
  const words = ["How much each target counts; they are scaled to sum to 1, and 0 leaves one out."];
  if (readout !== null && readout.unit.startsWith("points"))
    words.push("The goal is a mean of shares of right answers: a point of each counts alike.");
  if (readout === null || readout.unit === MIXED_UNIT)
    words.push("These targets have several units: a weight also says what a unit is worth.");
  return words.join(" ");
}

// The line of `mixwright propose` that solves what Re-optimise solves.
function propose_words(app, { weights, locks, importance, mixer }) {
  const { data, surface, limits } = app, { never_worse, available, tokens } = surface.goal;
  // how much there is, where the law or a limit against natural asks for it
  const asks = available !== null && (surface.amounts !== null || never_worse.length > 0);
  const sizes = asks ? { tokens, source_tokens: as_mixture(available, surface.domains) } : {};
  const options = propose_options(limits, weights, locks, importance, never_worse, sizes);
  if (options === null)
    return "A name holds +, =, < or >, or begins with -: the command line cannot take it.";
  return `${data.propose.replaceAll("MIXER", mixer)}${options} --to mixture.json`;
}

// Numbers of fields that only a step changes.
function paint_fields(app, state) {
  const { limits, surface, weights_of_goal } = app;
  by_id("mixer").value = state.mixer;
  const tokens = state.tokens === null ? "" : tokens_words(state.tokens).replace(" ", "");
  write_field(by_id("tokens"), tokens);
  const percent = (share) => String(Number((100 * share).toFixed(4)));
  const of_domains = limits.least.map((least, k) => [least, limits.most[k]]);
  const ends = [...of_domains, ...limits.groups.map(({ least, most }) => [least, most])];
  app.limit_fields.forEach(([floor, cap], row) => {
    write_field(floor, percent(ends[row][0]));
    write_field(cap, percent(ends[row][1]));
  });
  app.weight_fields.forEach((field, t) =>
    write_field(field, String(weight_in(weights_of_goal, surface.targets[t].name))));
}

// Puts rows into the orders that somebody chose; a moving slider never moves its own row.
function order_rows(app) {
  const { domains, targets } = orders_of(state_of(app)), { reading } = app;
  arrange(by_id("domains"), app.domain_rows, by_falling(domain_keys(reading)[domains]()), 0);
  arrange(by_id("targets"), app.target_rows, by_falling(target_keys(reading)[targets]()), 1);
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
  go(app, stepped(app.history, { ...state_of(app), ...change }));
}

function go(app, history) {
  app.live = null;
  app.base = null;
  app.history = history;
  tell(app, "");
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
  write(box, words);
  mark(box, "class", warn ? "notice warn" : "notice");
}

// Moves a domain while a slider moves; the step is made when it rests.
function move(app, k, weight) {
  const before = performance.now();
  if (app.base === null || app.base.k !== k) {
    app.base = { k, weights: app.live ?? state_of(app).weights };
    tell(app, "");
  }
  const { locks } = state_of(app), start = app.base.weights;
  const live = moved(start, k, weight, locks, app.limits);
  // rounding may take a last digit of a locked weight: it would add up over many moves
  app.live = live.map((one, i) => (locks[i] ? start[i] : one));
  paint(app);
  window.mixwrightTimes.push(performance.now() - before);
}

// Takes the weight of a domain that somebody typed.
function weight_typed(app, k, weight) {
  if (!(weight >= 0 && weight <= 1)) return turn_down(app, "give a share from 0 to 100 percent");
  move(app, k, weight);
  step(app, { weights: app.live });
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

// Takes the best mixture by the law, with locked domains where they are.
function optimise(app) {
  const { weights, locks } = state_of(app), { surface, limits, at, shares } = app;
  const importance = importance_of(surface, app.weights_of_goal);
  const answer = optimum(surface, { importance, locks, weights, limits, at });
  if (answer.weights === null) {
    tell(app, `No mixture was chosen: ${answer.reason}.`, true);
    return;
  }
  step(app, { weights: answer.weights });
  const where = locks.some(Boolean) ? "your locks and limits" : "the limits";
  tell(app, optimum_words(answer, where, gap_unit(surface, shares)), !answer.certified);
}

// Takes a floor or a cap of a domain or a group; what would leave no mixture is refused in words.
function limit(app, row, side, share) {
  if (!(share >= 0 && share <= 1)) return turn_down(app, "give a limit from 0 to 100 percent");
  const { limits } = app, domains = limits.least.length, state = state_of(app);
  const change = row < domains
    ? { [side]: limits[side].with(row, share) }
    : { groups: group_ends(limits.groups, row - domains, side, share) };
  const next = limits_in(app.data, app.surface, { ...state, ...change });
  const fault = conflict(next, state.weights, state.locks);
  if (fault !== "") return turn_down(app, fault);
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
  if (!(weight >= 0 && weight < Infinity)) return turn_down(app, "give a weight of 0 or more");
  const weights = {};
  surface.targets.forEach(({ name }, i) => {
    weights[name] = i === t ? weight : weight_in(weights_of_goal, name);
  });
  const none = Object.values(weights).every((each) => each === 0);
  if (none) return turn_down(app, "one target at least must count");
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
  reset: (app) => step(app, first_state(app.data)),
  link: (app) => {
    const address = location.href.split("#")[0] + `#${encoded(state_of(app), app.surface.domains)}`;
    return copy(app, address, by_id("link"));
  },
  preset: (app, { k }) => {
    const { title, weights } = app.data.presets[k];
    take(app, in_names(weights, app.surface.domains), `Taken: ${title}.`);
  },
  lock: (app, { k }) => {
    const { locks } = state_of(app);
    step(app, { locks: locks.with(k, !locks[k]) });
  },
  unlock: (app) => step(app, { locks: state_of(app).locks.map(() => false) }),
  optimise,
  limits: (app) => step(app, { least: null, most: null, groups: null }),
  weights: (app) => step(app, { importance: null }),
  paste,
  download,
  "copy-export": (app) => copy(app, by_id("export").textContent, by_id("export")),
  "copy-propose": (app) => copy(app, by_id("propose").textContent, by_id("propose")),
};

const CHANGES = {
  "explorer-mixer": (app, { value }) => step(app, { mixer: value }),
  "explorer-domain-order": (app, { value }) =>
    step(app, { sort: `${value} ${orders_of(state_of(app)).targets}` }),
  "explorer-target-order": (app, { value }) =>
    step(app, { sort: `${orders_of(state_of(app)).domains} ${value}` }),
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
  const number = target.value === "" ? NaN : Number(target.value);
  if (Object.hasOwn(CHANGES, target.id)) CHANGES[target.id](app, target);
  else if (target.type === "range") step(app, { weights: app.live ?? state_of(app).weights });
  else if (k !== undefined) weight_typed(app, Number(k), number / 100);
  else if (row !== undefined) limit(app, Number(row), side, number / 100);
  else if (t !== undefined) weigh(app, Number(t), number);
}

function on_key(app, event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  if (event.target.tagName === "TEXTAREA" || event.target.typing) return;
  const key = event.key.toLowerCase(), back = key === "z" && !event.shiftKey;
  if (!back && key !== "y" && key !== "z") return;
  event.preventDefault();
  ACTIONS[back ? "undo" : "redo"](app);
}

// The headline stays under the page's own list of sections, however high that is.
function stay_below(root, list) {
  if (list === null) return;
  const set = () => root.style.setProperty("--nav", `${Math.floor(list.offsetHeight)}px`);
  new ResizeObserver(set).observe(list);
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
  const { title } = data.presets[0], { groups } = limits_of(surface);
  app.domain_rows = names.map(domain_row);
  app.group_rows = groups.map((group) => group_row(group, names));
  app.target_rows = surface.targets.map(({ name }) => target_row(name, title));
  const nodes = (rows) => rows.map(({ row }) => row);
  by_id("domains").append(...nodes(app.domain_rows));
  by_id("groups").append(...nodes(app.group_rows));
  by_id("targets").append(target_heads(title, shared_unit(surface)), ...nodes(app.target_rows));
  by_id("presets").append(...data.presets.map(preset_button));
  for (const id of ["legend", "legend-too"]) write(by_id(id), `${title} `);
  write(by_id("natural-word"), title);
  write(by_id("natural-meaning"), surface.goal.natural_is);
  app.limit_fields = limit_fields(by_id("limits"), names, groups);
  app.weight_fields = weight_fields(by_id("weights"), surface);
  build_choices(data);
}

function build_choices(data) {
  const themselves = (names) => Object.fromEntries(names.map((name) => [name, name]));
  const formats = Object.keys(data.exports);
  fill_select(by_id("mixer"), themselves(data.views.map(({ mixer }) => mixer)));
  show(by_id("mixers"), data.views.length > 1);
  fill_select(by_id("domain-order"), DOMAIN_ORDERS);
  fill_select(by_id("target-order"), TARGET_ORDERS);
  fill_select(by_id("format"), themselves(formats));
  for (const id of ["formats", "export-line"]) show(by_id(id), formats.length > 0);
}

function start_explorer(root, data) {
  window.mixwrightTimes = [];
  const history = new_history(first_state(data));
  const app = { root, data, history, live: null, base: null, solved_for: new Map(), hash: null };
  build(app);
  paint_all(app);
  read_address(app);
  listen(app);
  stay_below(root, document.querySelector("nav"));
  root.hidden = false;
  root.dataset.ready = "yes";
}

if (typeof document !== "undefined")
  unzipped(by_id("data").textContent)
    .then((data) => start_explorer(document.getElementById("explorer"), data))
    .catch((error) => {
      show(by_id("fault"), true);
      const why = `The explorer cannot start in this browser (${error})`;
      write(by_id("fault"), `${why}; take a newer one.`);
    });
