// The explorer itself: it reads the page's data, and answers what people do.

// `app` holds what is shown: data, history, rows, and what was worked out for the present surface.
// `app.live` is the mixture under a moving slider; null: that of the state.

// Shares that went back for which a button is offered.
const MOST_OFFERED = 2;

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
  paint_choices(app);
  paint_words(app, state);
  paint_fields(app, state);
  paint_heads(app.heads, app.target_rows, app.reading);
  paint_trained(app);
  order_rows(app);
}

// The mixtures to start from: the one that is shown, and which of them the limits forbid.
function paint_choices({ presets, limits, view, reading, laws, none_fits }) {
  const choices = { "": "your own mixture" }, at_all = none_fits === "" ? limits : null;
  presets.forEach((preset, k) => (choices[k] = preset_words(preset, presets, at_all)));
  const select = by_id("start"), chosen = reading.preset;
  if (select.words !== JSON.stringify(choices)) fill_select(select, choices);
  select.words = JSON.stringify(choices);
  select.value = chosen === null ? "" : String(presets.indexOf(chosen));
  const shown = laws.find(({ surface }) => surface === view.surface);
  by_id("mixer").value = shown.mixer;
}

// Words that only a step changes.
function paint_words(app, state) {
  const { surface, data, readout, reading } = app;
  write(by_id("law"), law_words(app));
  write(by_id("level"), level_words(surface.interval));
  show(by_id("chance"), reading.evaluated.targets.some((target) => target.by_chance));
  write(by_id("budget"), budget_words(reading));
  write(by_id("held"), held_words(surface.domains, state));
  write(by_id("weights-hint"), weights_words(readout));
  const { past, future } = app.history;
  app.root.querySelector("[data-do=undo]").disabled = past.length === 0;
  app.root.querySelector("[data-do=redo]").disabled = future.length === 0;
  app.root.querySelector("[data-do=optimise]").disabled = readout === null;
  show(app.root.querySelector("[data-do=limits]"), app.limited.includes("limits"));
  show(app.root.querySelector("[data-do=unlock]"), state.locks.some(Boolean));
  write(by_id("propose"), propose_words(app, state));
  show(by_id("propose-line"), data.propose !== "");
  const line = data.exports[by_id("format").value] ?? "";
  write(by_id("export"), line.replaceAll("MIXTURE", "mixture.json"));
}

// How wide the intervals are, and by what.
function level_words({ level, refits }) {
  const percent = `${Math.round(100 * level)} % interval`;
  return refits > 0 ? `${percent} from ${refits} refits` : percent;
}

// What Re-optimise will move, though somebody set it; empty: nothing.
function held_words(names, { by_hand, locks }) {
  const loose = by_hand.filter((k) => !locks[k]).map((k) => names[k]);
  if (loose.length === 0) return "";
  return `Re-optimise stays inside locks, min and max. It may move ${listed(loose)} again: a share`
    + " that you set is no limit.";
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
  // a goal that was typed must be typed again
  const goal = importance ?? (surface.goal.of === "options" ? surface.goal.weights : null);
  const options = propose_options(limits, weights, locks, goal, never_worse, sizes);
  if (options === null)
    return "A name holds +, =, < or >, or begins with -: the command line cannot take it.";
  return `${data.propose.replaceAll("MIXER", mixer)}${options} --to proposal.json`;
}

// Numbers of fields that only a step changes.
function paint_fields(app, state) {
  const { surface, weights_of_goal } = app;
  const tokens = state.tokens === null ? "" : tokens_words(state.tokens).replace(" ", "");
  write_field(by_id("tokens"), tokens);
  const short = (weight) => String(Number(weight.toPrecision(4)));
  app.weight_fields.forEach((field, t) =>
    write_field(field, short(weight_in(weights_of_goal, surface.targets[t].name))));
}

// Puts rows into the orders that somebody chose; a moving slider never moves its own row.
function order_rows(app) {
  const { domains, targets } = orders_of(state_of(app)), { reading } = app;
  const of_domains = by_falling(domain_keys(reading)[domains]());
  arrange(by_id("domains"), of_domains.map((k) => app.domain_rows[k].row), 0);
  arrange(by_id("targets"), target_order(app, by_falling(target_keys(reading)[targets]())), 1);
  by_id("domain-order").value = domains;
  by_id("target-order").value = targets;
}

// The rows of targets: those of the goal first, then a line, then those that are watched only.
function target_order({ shares, target_rows, apart }, order) {
  const in_goal = (t) => shares === null || shares[t] > 0;
  const rows = (places) => places.map((t) => target_rows[t].row);
  const watched = order.filter((t) => !in_goal(t));
  show(apart, watched.length > 0);
  return [...rows(order.filter(in_goal)), apart, ...rows(watched)];
}

// Puts rows after the box's first `heads` children, where they are not in this order.
function arrange(box, wanted, heads) {
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

// Says something, with buttons for what may be wanted next: a list of {words, act}.
function tell(app, words, warn = false, offers = []) {
  const box = by_id("message");
  write(box, words);
  mark(box.parentNode, "class", warn ? "notice warn" : "notice");
  app.offers = offers;
  by_id("offers").replaceChildren(...offers.map((offer, k) =>
    element("button", { type: "button", "data-do": "offer", "data-k": k }, offer.words)));
}

const UNDO = { words: "Undo", act: (app) => ACTIONS.undo(app) };
const AGAIN = { words: "Re-optimise", act: (app) => optimise(app) };

// Moves a domain while a slider moves; the step is made when it rests.
function move(app, k, weight) {
  const before = performance.now();
  if (app.base === null || app.base.k !== k) {
    app.base = { k, weights: app.live ?? state_of(app).weights };
    tell(app, "");
  }
  app.live = moved(app.base.weights, k, weight, state_of(app).locks, app.limits);
  paint(app);
  window.mixwrightTimes.push(performance.now() - before);
}

// Takes the weight of a domain that somebody typed.
function weight_typed(app, k, weight) {
  if (!(weight >= 0 && weight <= 1)) return turn_down(app, "give a share from 0 to 100 percent");
  const [least, most] = app.ranges[k], name = app.surface.domains[k];
  move(app, k, weight);
  rest(app, k);
  if (weight < least - WORTH_A_WORD || weight > most + WORTH_A_WORD)
    tell(app, `Inside limits and locks ${name} can be ${percent_of(least)} to ${percent_of(most)},`
      + ` so it is ${percent_of(state_of(app).weights[k])}.`, true, [UNDO]);
  else offer_percent(app, weight, (share) => weight_typed(app, k, share));
}

// Makes a step of a mixture in which somebody set domain k.
function rest(app, k) {
  const { weights, by_hand } = state_of(app);
  step(app, { weights: app.live ?? weights, by_hand: [...by_hand.filter((i) => i !== k), k] });
}

// Says how a number below 1 was read, where a share may be meant.
function offer_percent(app, share, again) {
  if (!(share > 0 && share < 0.01)) return;
  const meant = percent_of(100 * share);
  const act = () => {
    go(app, undone(app.history));
    again(100 * share);
  };
  tell(app, `Read as ${percent_of(share)}.`, false, [{ words: `Make it ${meant}`, act }]);
}

// Takes a mixture; locked domains keep their weights.
function take(app, weights, words) {
  const { locks, weights: present } = state_of(app);
  let taken = weights, more = "";
  if (locks.some(Boolean)) {
    taken = inside(weights.map((weight, i) => (locks[i] ? present[i] : weight)), app.limits, locks);
    more = "Locked domains keep their weights.";
  }
  step(app, { weights: taken, by_hand: [] });
  tell(app, [words, more].filter(Boolean).join(" "));
}

// Takes the best mixture by the law, with locked domains where they are, and says which shares
// that somebody set went back.
function optimise(app) {
  const { weights, locks, by_hand } = state_of(app), { surface, limits, at, shares } = app;
  const importance = importance_of(surface, app.weights_of_goal);
  const answer = optimum(surface, { importance, locks, weights, limits, at });
  if (answer.weights === null) {
    tell(app, `No mixture was chosen: ${app.none_fits || answer.reason}.`, true);
    return;
  }
  const gone = gone_back(surface.domains, by_hand, weights, answer.weights);
  step(app, { weights: answer.weights, by_hand: [] });
  const where = locks.some(Boolean) ? "your locks and limits" : "the limits";
  const words = [...gone.map((one) => `${one.words}: a share is no limit.`),
    optimum_words(answer, where, gap_unit(surface, shares))];
  const holds = gone.slice(0, MOST_OFFERED).map((one) => hold_offer(surface.domains, one));
  tell(app, words.join(" "), !answer.certified, gone.length > 0 ? [UNDO, ...holds] : []);
}

// The offer to make a share that went back a limit, and to optimise again.
function hold_offer(names, { k, side, share }) {
  const words = `Hold ${names[k]} at ${side === "most" ? "most" : "least"} ${percent_of(share)}`;
  const act = (app) => {
    if (limit(app, k, side, Number(share.toFixed(6)))) optimise(app);
  };
  return { words, act };
}

// Takes a floor or a cap of a domain or a group, and says whether; what would leave no mixture is
// refused in words.
function limit(app, row, side, share) {
  if (!(share >= 0 && share <= 1)) return turn_down(app, "give a limit from 0 to 100 percent");
  const state = state_of(app), typed = typed_in(app.surface, state), domains = typed.least.length;
  const change = row < domains
    ? { [side]: typed[side].with(row, share) }
    : { groups: group_ends(typed.groups, row - domains, side, share) };
  const next = limits_in(app.data, app.surface, { ...state, ...change });
  const fault = conflict(next, state.weights, state.locks);
  if (fault !== "") return turn_down(app, fault);
  step(app, { ...change, weights: inside(state.weights, next, state.locks) });
  if (loosened(typed, state.weights, row, side, share)) stays(app, row);
  offer_percent(app, share, (meant) => limit(app, row, side, meant));
  if (side === "most" && row < domains && share < 1 && next.most[row] < share)
    tell(app, `${next.names[row]} stays at ${percent_of(next.most[row])} at most: the study allows`
      + ` ${app.data.max_epochs} passes.`, true, [UNDO]);
  return true;
}

// Whether a limit that held a domain or a group where it is goes further out.
function loosened(before, weights, row, side, share) {
  const domains = weights.length, group = before.groups[row - domains];
  const edge = row < domains ? before[side][row] : group[side];
  const freed = side === "most" ? share > edge : share < edge;
  const held = row < domains ? weights[row] : sum(group.members.map((i) => weights[i]));
  return freed && Math.abs(held - edge) < SAME_MIXTURE;
}

// Says that a domain or a group stays at its share, though what put it there is gone.
function stays(app, row) {
  const { names, groups } = app.limits, { weights } = state_of(app);
  const members = row < names.length ? [row] : groups[row - names.length].members;
  const share = sum(members.map((i) => weights[i]));
  const title = members.map((i) => names[i]).join(" + ");
  tell(app, `${title} stays at ${percent_of(share)}: Undo or Re-optimise.`, false, [UNDO, AGAIN]);
}

// Says why a field was not taken, puts back what it was, and returns that nothing was done.
function turn_down(app, words) {
  tell(app, `Not taken: ${words}.`, true);
  for (const field of app.root.querySelectorAll("input")) field.shown = undefined;
  paint_all(app);
  return false;
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
  else if (state !== null)
    go(app, stepped(app.history, { ...state_of(app), ...state, by_hand: [] }));
}

// ---------------------------------------------------------------- events

const ACTIONS = {
  undo: (app) => go(app, undone(app.history)),
  redo: (app) => go(app, redone(app.history)),
  reset: (app) => {
    step(app, first_state(app.data));
    tell(app, "Mixture, locks, limits, weights of targets and budget are as when the page was"
      + " opened.", false, [UNDO]);
  },
  offer: (app, { k }) => {
    app.offers[k].act(app);
    app.root.querySelector("[data-do=optimise]").focus({ preventScroll: true });
  },
  inside: (app) => {
    const { weights, locks } = state_of(app);
    step(app, { weights: inside(weights, app.limits, locks) });
  },
  link: (app) => {
    const address = location.href.split("#")[0] + `#${encoded(state_of(app), app.surface.domains)}`;
    return copy(app, address, by_id("link"));
  },
  lock: (app, { k }) => {
    const { locks } = state_of(app);
    step(app, { locks: locks.with(k, !locks[k]) });
  },
  unlock: (app) => step(app, { locks: state_of(app).locks.map(() => false) }),
  optimise,
  limits: (app) => {
    step(app, { least: null, most: null, groups: null });
    tell(app, "Min and max are as when the page was opened. The shares stay where they are: Undo or"
      + " Re-optimise.", false, [UNDO, AGAIN]);
  },
  weights: (app) => step(app, { importance: null }),
  preset: (app, { k }) => {
    take(app, app.presets[k].weights, "");
    // the button may be gone, and who presses it by key goes on from there
    by_id("start").focus({ preventScroll: true });
  },
  paste,
  download,
  "copy-export": (app) => copy(app, by_id("export").textContent, by_id("export")),
  "copy-propose": (app) => copy(app, by_id("propose").textContent, by_id("propose")),
};

const CHANGES = {
  "explorer-start": (app, { value }) => {
    if (value === "") paint_all(app);
    else take(app, app.presets[value].weights, "");
  },
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
  else if (target.type === "range") rest(app, Number(k));
  else if (k !== undefined && cleared(target)) share_cleared(app, Number(k));
  else if (k !== undefined) weight_typed(app, Number(k), number / 100);
  else if (row !== undefined) limit(app, Number(row), side, limit_typed(target, side));
  else if (t !== undefined) weigh(app, Number(t), number);
}

// The share of a limit's field; an empty one is no limit.
function limit_typed({ value, validity }, side) {
  if (cleared({ value, validity })) return side === "least" ? 0 : 1;
  return value === "" ? NaN : Number(value) / 100;
}

// Whether a field is empty, and not only no number.
const cleared = ({ value, validity }) => value === "" && !validity.badInput;

// An emptied share is none: the domain keeps what it has.
function share_cleared(app, k) {
  paint_all(app);
  stays(app, k);
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
  app.group_rows = groups.map((group, g) => group_row(group, g, names));
  app.target_rows = surface.targets.map(({ name }) => target_row(name));
  app.apart = apart_row();
  app.laws = laws_offered(data);
  const nodes = (rows) => rows.map(({ row }) => row);
  by_id("domains").append(...nodes(app.domain_rows));
  by_id("groups").append(...nodes(app.group_rows));
  app.heads = target_heads(shared_unit(surface));
  by_id("targets").append(app.heads.row, ...nodes(app.target_rows));
  for (const id of ["legend", "legend-too"]) write(by_id(id), `${title} `);
  write(by_id("natural-word"), title);
  write(by_id("natural-meaning"), surface.goal.natural_is);
  app.weight_fields = weight_fields(by_id("weights"), surface);
  write(by_id("laws-words"), laws_words(data));
  build_choices(app);
}

// Which mixers have no law to show.
function laws_words({ views, without }) {
  const stand_ins = views.filter(({ represents }) => represents !== null);
  const words = ["the fitted law that gives the numbers."];
  const names = stand_ins.map(({ mixer }) => mixer);
  if (names.length > 0)
    words.push(`${listed(names)}: no formula, so a fitted law of the same runs stands in.`);
  if (without.length > 0)
    words.push(`${listed(without)}: a mixture, but no fitted law over mixtures; start from it.`);
  return words.join(" ");
}

function build_choices({ data, laws }) {
  const themselves = (names) => Object.fromEntries(names.map((name) => [name, name]));
  const formats = Object.keys(data.exports);
  fill_select(by_id("mixer"), Object.fromEntries(laws.map(({ mixer, words }) => [mixer, words])));
  show(by_id("mixers"), data.surfaces.length > 1);
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
