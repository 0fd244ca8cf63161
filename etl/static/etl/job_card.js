// A card: where a job stands, its steps and stages as cells, figures, times and buttons. `update` brings all of it up
// to date in place, so that nothing jumps and the focus stays.
import { element, setText, symbol } from "./elements.js";
import { away, clock, duration, full } from "./times.js";

const STAGES = [
  ["extraction", "Extract"],
  ["transform", "Transform"],
  ["embedding", "Embed"],
];
const SYMBOLS = {
  idle: "radio_button_unchecked",
  running: "progress_activity",
  finished: "check_circle",
  failed: "error",
  stopped: "stop_circle",
};
const STATE_SYMBOLS = {
  NOT_STARTED: "radio_button_unchecked",
  READY: "schedule",
  RUNNING: "progress_activity",
  PAUSED: "pause_circle",
  STOPPED: "stop_circle",
  FINISHED: "check_circle",
  FAILED: "error",
};
// In sight; the others are behind "More".
const IN_SIGHT = ["start", "pause", "resume", "stop", "retry"];
const OPEN = ["RUNNING", "PAUSED"];
// What was at work when the last run ended works no more.
const OVER = ["STOPPED", "FINISHED", "FAILED"];
// One after another with the tenant's other jobs; only the next of them has a time.
const TURNING = ["FINISHED", "FAILED"];
const number = new Intl.NumberFormat("en");

export const stateName = (state) => state.toLowerCase().replace("_", " ");
export const stateSymbol = (state) => STATE_SYMBOLS[state] || "radio_button_unchecked";

// What is done of all units of a job.
function sum(progress) {
  const found = { done: 0, total: 0 };
  for (const { done, total } of Object.values(progress).flatMap((stages) => Object.values(stages))) {
    found.done += done;
    found.total += total;
  }
  return found;
}

export class JobCard {
  // `page`: { settings, press(button, card), runWithOptions(card) }
  constructor(card, page) {
    this.page = page;
    this.cells = new Map();
    this.build(card);
    this.update(card);
  }

  build(card) {
    this.badge = element("span", { className: "job-state" });
    this.link = element("a", { className: "job-name" });
    this.notes = element("p", { className: "job-notes ops-quiet" });
    this.caption = element("caption", { className: "frame-hidden" });
    this.body = element("tbody");
    const head = STAGES.map(([, title]) => element("th", { scope: "col" }, title));
    const first = element("th", { scope: "col" }, element("span", { className: "frame-hidden" }, "Step"));
    const titles = element("thead", {}, element("tr", {}, first, ...head));
    this.table = element("table", { className: "job-steps" }, this.caption, titles, this.body);
    this.bar = element("div", { className: "job-bar" }, element("div", { className: "job-bar-done" }));
    this.figures = element("p", { className: "job-figures" });
    this.facts = element("dl", { className: "job-facts" });
    this.error = element("p", { className: "job-error" });
    this.actions = element("div", { className: "job-actions", role: "group", "aria-label": `Actions of ${card.name}` });
    const title = element("h2", { className: "job-title" }, this.link);
    this.element = element(
      "article",
      { className: "job-card", id: `job-${card.id}`, "aria-label": card.name },
      element("header", { className: "job-head" }, title, this.badge),
      this.notes,
      element("div", { className: "ops-scroll" }, this.table),
      this.bar,
      this.figures,
      this.error,
      this.facts,
      this.actions,
    );
    if (!this.page.settings.operates) {
      this.actions.remove();
    }
  }

  // An answer may come behind a message of the socket that was told later: what is older is not shown again.
  update(card) {
    const key = JSON.stringify(card);
    if (this.key === key || card.version < this.card?.version) {
      return;
    }
    this.key = key;
    this.card = card;
    this.element.dataset.overall = card.overall;
    this.link.href = card.address;
    setText(this.link, card.name);
    this.updateState();
    this.updateNotes();
    this.updateSteps();
    this.updateError();
    this.updateActions();
    this.tick();
  }

  updateState() {
    const { overall } = this.card;
    if (this.badge.dataset.state !== overall) {
      this.badge.dataset.state = overall;
      this.badge.replaceChildren(symbol(stateSymbol(overall)), stateName(overall));
    }
  }

  updateNotes() {
    const { integration, tenant, active, others } = this.card;
    const { showsTenants } = this.page.settings;
    const key = JSON.stringify([integration, tenant, active, others]);
    if (this.notesKey === key) {
      return;
    }
    this.notesKey = key;
    const words = [integration.provider, integration.name, showsTenants ? tenant : "", active ? "" : "inactive"];
    const runs = others.map(({ address, kind, status }) =>
      element("a", { href: address, className: "job-other" }, `${kind} ${stateName(status)}`),
    );
    this.notes.replaceChildren(words.filter(Boolean).join(" · "), ...runs.flatMap((run) => [" · ", run]));
  }

  // Steps × stages

  updateSteps() {
    const steps = Object.entries(this.card.status.steps || {}).sort(([, one], [, other]) => one.order - other.order);
    const key = JSON.stringify(steps.map(([name, step]) => [name, step.display_name]));
    if (this.stepsKey !== key) {
      this.stepsKey = key;
      this.cells.clear();
      this.body.replaceChildren(...steps.map(([name, step]) => this.row(name, step)));
      setText(this.caption, `Steps of ${this.card.name}`);
      this.table.hidden = steps.length === 0;
    }
    for (const [name, step] of steps) {
      for (const [stage] of STAGES) {
        const state = OVER.includes(this.card.overall) && step[stage] === "running" ? "stopped" : step[stage] || "idle";
        this.updateCell(this.cells.get(`${name} ${stage}`), state, this.card.progress[name]?.[stage]);
      }
    }
  }

  row(name, step) {
    const cells = STAGES.map(([stage]) => {
      const fill = element("span", { className: "job-cell-fill" });
      const words = element("span", { className: "job-cell-words" });
      const box = element("div", { className: "job-cell", dataset: { step: name, stage } }, fill, words);
      this.cells.set(`${name} ${stage}`, { box, fill, words });
      return element("td", {}, box);
    });
    return element("tr", {}, element("th", { scope: "row" }, step.display_name), ...cells);
  }

  updateCell({ box, fill, words }, state, units) {
    const counted = units && units.total > 0 ? `${number.format(units.done)}/${number.format(units.total)}` : "";
    const key = `${state} ${counted}`;
    if (box.dataset.key === key) {
      return;
    }
    box.dataset.key = key;
    box.dataset.state = state;
    fill.style.width = counted && state === "running" ? `${(100 * units.done) / units.total}%` : "0";
    const said = element("span", { className: "frame-hidden" }, state, counted ? ", " : "");
    const seen = counted || element("span", { className: "job-cell-word", "aria-hidden": "true" }, state);
    words.replaceChildren(symbol(SYMBOLS[state]), said, seen);
  }

  // Figures and times

  tick() {
    this.updateFigures();
    this.updateFacts();
  }

  updateFigures() {
    const { overall, progress, rate, estimated_end: end } = this.card;
    const { done, total } = sum(progress);
    const isOpen = OPEN.includes(overall) && total > 0;
    this.bar.hidden = this.figures.hidden = !isOpen;
    if (!isOpen) {
      return;
    }
    const percent = Math.floor((100 * done) / total);
    this.bar.firstElementChild.style.width = `${percent}%`;
    const words = [`${number.format(done)} of ${number.format(total)} units known so far`];
    if (overall === "RUNNING") {
      words.push(rate === null ? "" : `${this.rateWords(rate)}`);
      words.push(end ? `ends ${away(end)}, about ${clock(end, this.page.settings.time_zone)}` : "end not known yet");
    }
    setText(this.figures, words.filter(Boolean).join(" · "));
  }

  rateWords(rate) {
    return rate >= 1 ? `${number.format(Math.round(rate))}/s` : `${number.format(Math.round(rate * 60))}/min`;
  }

  updateFacts() {
    const { run, next_run: next, late, overall } = this.card;
    const name = run && !run.finished_at ? "This run" : "Last run";
    const facts = [[name, run ? this.runWords(run) : ["never"]]];
    if (!OPEN.includes(overall)) {
      facts.push(["Next run", this.nextWords(next, late)]);
    }
    const key = JSON.stringify(facts);
    if (this.factsKey === key) {
      return;
    }
    this.factsKey = key;
    const focused = this.facts.contains(document.activeElement);
    const shown = facts.map(([title, said]) => {
      const parts = said.map((one) => this.part(one));
      return element("div", {}, element("dt", {}, title), element("dd", {}, ...parts));
    });
    this.facts.replaceChildren(...shown);
    if (focused) {
      this.facts.querySelector("a")?.focus();
    }
  }

  // Parts of a fact are texts, or say what they are besides: { words, iso }, { words, href }, { words, late }.
  part(said) {
    if (said.iso) {
      return element("time", { dateTime: said.iso, title: full(said.iso, this.page.settings.time_zone) }, said.words);
    }
    if (said.late) {
      return element("strong", { className: "job-late" }, symbol("warning"), said.words);
    }
    return said.href ? element("a", { href: said.href }, said.words) : said;
  }

  runWords(run) {
    const link = { href: run.address, words: `${run.kind} ${run.id}` };
    if (!run.finished_at) {
      return [link, ", began ", { iso: run.started_at, words: away(run.started_at) }];
    }
    const took = run.seconds === null ? "" : `, took ${duration(run.seconds)}`;
    const counts = [
      [run.records, "records"],
      [run.failed, "failed"],
      [run.quarantined, "quarantined"],
    ].filter(([count]) => count > 0);
    const words = counts.map(([count, name]) => `, ${number.format(count)} ${name}`).join("");
    return [link, ` ${stateName(run.status)} `, this.when(run.finished_at), `${took}${words}`];
  }

  when(iso) {
    return { iso, words: `${away(iso)} (${clock(iso, this.page.settings.time_zone)})` };
  }

  nextWords(next, late) {
    if (!next) {
      return [this.card.active && TURNING.includes(this.card.overall) ? "in its turn" : "not planned"];
    }
    return late ? [{ late, words: "overdue, was due " }, this.when(next)] : [this.when(next)];
  }

  updateError() {
    const { error, failures } = this.card;
    this.error.hidden = !error;
    const again = failures > 1 ? ` (${failures} syncs in a row)` : "";
    setText(this.error, error ? `${error}${again}` : "");
    this.error.title = error;
  }

  // Buttons

  offered() {
    const { settings } = this.page;
    const known = new Set(settings.transitions);
    return settings.buttons.filter(({ name }) => !known.has(name) || this.card.actions.includes(name));
  }

  updateActions() {
    if (!this.page.settings.operates) {
      return;
    }
    const offered = this.offered();
    const key = offered.map(({ name }) => name).join(" ");
    if (this.actionsKey === key) {
      return;
    }
    this.actionsKey = key;
    const focused = this.actions.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    const wasOpen = this.menu?.open;
    const inSight = offered.filter(({ name }) => IN_SIGHT.includes(name)).map((button) => this.button(button));
    this.actions.replaceChildren(...inSight, this.moreMenu(offered, wasOpen));
    if (focused) {
      const same = this.actions.querySelector(`[data-action="${focused}"]`);
      (same || this.actions.querySelector("button, summary")).focus();
    }
  }

  button({ name, label, variant, question }) {
    const look = variant === "primary" ? "ops-button-primary" : variant === "danger" ? "ops-button-danger" : "";
    const made = element("button", { type: "button", className: `ops-button ${look}`, dataset: { action: name } });
    made.append(question ? `${label}…` : label);
    made.addEventListener("click", () => this.press(() => this.page.press({ name, label, question }, this)));
    return made;
  }

  moreMenu(offered, open) {
    const summary = element("summary", { className: "ops-button", dataset: { action: "more" } }, "More");
    summary.append(symbol("expand_more"));
    const list = element("div", { className: "job-menu-items" });
    const menu = element("details", { className: "job-menu" }, summary, list);
    menu.addEventListener("toggle", () => menu.open && this.showMenu(list, offered));
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && menu.open) {
        menu.open = false;
        summary.focus();
        event.stopPropagation();
      }
    });
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) {
        menu.open = false;
      }
    });
    menu.open = Boolean(open);
    if (open) {
      this.fillMenu(list, offered);
    }
    this.menu = menu;
    return menu;
  }

  // Of hundreds of menus few are opened.
  showMenu(list, offered) {
    if (!list.childElementCount) {
      this.fillMenu(list, offered);
    }
    list.classList.remove("job-menu-back");
    const isCut = list.getBoundingClientRect().right > document.documentElement.clientWidth;
    list.classList.toggle("job-menu-back", isCut);
  }

  fillMenu(list, offered) {
    const others = offered.filter(({ name }) => !IN_SIGHT.includes(name));
    const items = others.map((button) => this.button({ ...button, variant: "" }));
    if (this.card.actions.includes("start")) {
      const properties = { type: "button", className: "ops-button", dataset: { action: "options" } };
      const options = element("button", properties, "Run with options…");
      options.addEventListener("click", () => this.press(() => this.page.runWithOptions(this)));
      items.unshift(options);
    }
    list.replaceChildren(...items);
  }

  // One thing at a time; the focus goes to what is there afterwards.
  async press(act) {
    if (this.busy) {
      return;
    }
    this.setBusy(true);
    if (this.menu.open) {
      this.menu.open = false;
      this.menu.querySelector("summary").focus();
    }
    try {
      await act();
    } finally {
      this.setBusy(false);
    }
  }

  setBusy(busy) {
    this.busy = busy;
    this.element.setAttribute("aria-busy", String(busy));
  }
}
