// The page of all jobs, and that of one: cards that are brought up to date by one socket.
import { get } from "./api.js";
import { element, setText, symbol } from "./elements.js";
import * as actions from "./job_actions.js";
import { JobCard, stateName, stateSymbol } from "./job_card.js";
import { connect } from "./live.js";

const PAGE = 100;
// What one socket tells of, and a browser shows without effort.
const MOST = 500;
// The server says that it is alive every 15 s.
const SILENCE = 45_000;
const TICK = 5_000;
const SEARCH_WAIT = 300;
const REFRESH_WAIT = 2_000;
const STATES = ["RUNNING", "PAUSED", "FAILED", "STOPPED", "READY", "FINISHED", "NOT_STARTED"];

class JobsPage {
  constructor(root) {
    this.root = root;
    this.settings = JSON.parse(document.getElementById("jobs-settings").textContent);
    this.grid = root.querySelector("[data-cards]");
    this.told = new actions.Told(root.querySelector("[data-told]"));
    this.cards = new Map();
    this.totals = {};
    this.page = {
      settings: this.settings,
      press: (button, job) => actions.press(button, job, this.settings, this.told),
      runWithOptions: (job) => actions.runWithOptions(job, this.settings, this.told),
    };
    if (!this.settings.large) {
      this.list = new JobList(root, this);
    }
    this.show(this.settings.list.jobs);
    this.setTotals(this.settings.list.totals);
    this.socket = connect(`${this.settings.socket}?ids=`, {
      onMessage: (message) => this.heard(message),
      onOpen: () => this.sayShown(),
      silence: SILENCE,
      state: root.querySelector("[data-live-state]"),
    });
    setInterval(() => document.visibilityState === "visible" && this.cards.forEach((card) => card.tick()), TICK);
    document.addEventListener("click", (event) => this.closeMenus(event.target));
  }

  // Cards come in the order that the server gave; those of `first` stand before what is there.
  show(jobs, { first = false } = {}) {
    jobs.forEach((job) => this.cards.get(job.id)?.update(job));
    const made = jobs.filter(({ id }) => !this.cards.has(id)).map((job) => new JobCard(job, this.page));
    made.forEach((card) => this.cards.set(card.card.id, card));
    this.grid[first ? "prepend" : "append"](...made.map((card) => card.element));
  }

  remove(id) {
    this.cards.get(id)?.element.remove();
    this.cards.delete(id);
  }

  // The last ones go where they are more than the socket tells of: they would look alive, and never change.
  trim() {
    while (this.cards.size > MOST) {
      this.remove(Number(this.grid.lastElementChild.id.replace("job-", "")));
    }
  }

  clear() {
    this.cards.clear();
    this.grid.replaceChildren();
  }

  sayShown() {
    this.socket?.send({ ids: [...this.cards.keys()] });
  }

  heard(message) {
    if (message.type !== "jobs") {
      return;
    }
    for (const job of message.jobs) {
      this.cards.get(job.id)?.update(job);
    }
    message.gone.forEach((id) => this.remove(id));
    if (message.totals) {
      this.setTotals(message.totals);
    }
  }

  setTotals(totals) {
    const before = this.totals;
    this.totals = totals;
    this.list?.counted(before, totals);
  }

  closeMenus(target) {
    for (const menu of this.root.querySelectorAll(".job-menu[open]")) {
      if (!menu.contains(target)) {
        menu.open = false;
      }
    }
  }
}

function chipWords(state) {
  if (state === "") {
    return ["All"];
  }
  return state === "LATE" ? [symbol("warning"), "overdue"] : [symbol(stateSymbol(state)), stateName(state)];
}

// Filters, counts by state, and further pages.
class JobList {
  constructor(root, page) {
    this.page = page;
    this.form = root.querySelector("[data-filters]");
    this.chips = root.querySelector("[data-states]");
    this.more = root.querySelector("[data-more]");
    this.note = root.querySelector("[data-note]");
    this.next = page.settings.list.next;
    this.makeChips();
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.filter();
    });
    this.form.addEventListener("change", () => this.filter());
    this.form.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.filter(), SEARCH_WAIT);
    });
    this.more.addEventListener("click", () => this.showMore());
    const seen = (entries) => entries.some((entry) => entry.isIntersecting) && this.showMore();
    new IntersectionObserver(seen, { rootMargin: "600px" }).observe(this.more);
  }

  // Counts by state, which filter

  makeChips() {
    this.counts = new Map();
    const chips = ["", ...STATES.slice(0, 3), "LATE", ...STATES.slice(3)].map((state) => {
      const count = element("span", { className: "job-chip-count" });
      this.counts.set(state, count);
      const chip = element("button", { type: "button", className: "job-chip", dataset: { state } });
      chip.append(...chipWords(state), count);
      chip.addEventListener("click", () => {
        this.form.elements.state.value = state;
        this.filter();
      });
      return chip;
    });
    this.chips.replaceChildren(...chips);
    this.markChips();
  }

  markChips() {
    for (const chip of this.chips.children) {
      chip.setAttribute("aria-pressed", String(chip.dataset.state === this.form.elements.state.value));
    }
  }

  counted(before, totals) {
    for (const [state, count] of this.counts) {
      const found = totals[state || "all"];
      setText(count, String(found));
      count.parentElement.toggleAttribute("data-none", found === 0);
    }
    this.say();
    const state = this.form.elements.state.value || "all";
    if (before.all !== undefined && before[state] < totals[state]) {
      this.refreshSoon();
    }
  }

  // Pages

  query(more = {}) {
    const said = [...new FormData(this.form), ...Object.entries(more)];
    return new URLSearchParams(said.filter(([, value]) => value !== "")).toString();
  }

  // Null where it failed, or is the answer to filters that are not chosen any more.
  async read(more) {
    const asked = this.query();
    try {
      const found = await get(`${this.page.settings.cards}?${this.query(more)}`);
      return asked === this.query() ? found : null;
    } catch (error) {
      setText(this.note, "The jobs could not be read: what is shown may be of other filters.");
      this.page.told.failure(error);
      return null;
    }
  }

  async filter() {
    clearTimeout(this.typing);
    this.markChips();
    const query = this.query();
    window.history.replaceState(null, "", query ? `?${query}` : window.location.pathname);
    const found = await this.read({ limit: PAGE });
    if (found) {
      this.page.clear();
      this.add(found);
    }
  }

  async showMore() {
    if (!this.next || this.loading) {
      return;
    }
    this.loading = true;
    const found = await this.read({ limit: PAGE, cursor: this.next });
    this.loading = false;
    if (found) {
      this.add(found);
    }
  }

  add(found) {
    this.next = found.next;
    this.page.show(found.jobs);
    this.page.setTotals(found.totals);
    this.page.sayShown();
    this.say();
  }

  // Others came into what is shown: they stand first, and nothing that is there moves otherwise or goes.
  refreshSoon() {
    this.refreshing ??= setTimeout(async () => {
      this.refreshing = null;
      const found = await this.read({ limit: Math.min(MOST, Math.max(PAGE, this.page.cards.size)) });
      if (found) {
        this.page.show(found.jobs, { first: true });
        this.page.trim();
        this.page.sayShown();
        this.say();
      }
    }, REFRESH_WAIT);
  }

  say() {
    const shown = this.page.cards.size;
    const isFull = this.next && shown >= MOST;
    this.more.hidden = !this.next || isFull;
    const many = `The first ${shown} are shown: narrow them by name, state or integration.`;
    const none = this.page.totals.all ? "No job is like that." : "There are no jobs yet: a connected site gets one.";
    setText(this.note, isFull ? many : shown ? "" : none);
  }
}

new JobsPage(document.querySelector("[data-jobs]"));
