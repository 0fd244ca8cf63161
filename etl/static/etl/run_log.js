// The log of a run: filtered and searched, followed while it grows, and read back a page at a time.
import { get } from "./api.js";
import { element, setText } from "./elements.js";

const FIRST_ROWS = 50;
const OLDER_ROWS = 200;
const TAIL_ROWS = 500;
// A page of so many rows is slow: the list begins anew.
const MOST_ROWS = 5_000;
const TYPING_MILLISECONDS = 300;
const LONGEST_MESSAGE = 2_000;
// Who writes last may have begun first: so far back is asked again.
const OVERLAP_MILLISECONDS = 30_000;
const FILTERS = ["level", "stage", "step", "search"];

export class RunLog {
  /** `settings`: addresses `events` and `event`, `timeZone`, and the names of the `steps`. */
  constructor(page, settings) {
    this.settings = settings;
    this.form = page.querySelector("[data-log-filters]");
    this.box = page.querySelector("[data-log]");
    this.body = this.box.querySelector("tbody");
    this.older = page.querySelector("[data-log-older]");
    this.pause = page.querySelector("[data-log-pause]");
    this.state = page.querySelector("[data-log-state]");
    this.news = page.querySelector("[data-log-new]");
    page.querySelector("[data-log-pages]").hidden = true;
    page.querySelector("[data-log-filter]").hidden = true;
    this.times = new Intl.DateTimeFormat("sv-SE", { timeZone: settings.timeZone, dateStyle: "short", timeStyle: "medium" });
    this.isPaused = false;
    this.asked = 0;
    this.listen();
  }

  listen() {
    let waiting = 0;
    const soon = (milliseconds) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.filtered(), milliseconds);
    };
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      soon(0);
    });
    this.form.addEventListener("change", () => soon(0));
    this.form.addEventListener("input", (event) => event.target.name === "search" && soon(TYPING_MILLISECONDS));
    this.older.addEventListener("click", () => this.told(() => this.readOlder()));
    this.news.addEventListener("click", () => this.box.scrollTo({ top: 0 }));
    this.box.addEventListener("scroll", () => this.box.scrollTop === 0 && this.count(0), { passive: true });
    this.pause.addEventListener("click", () => {
      this.isPaused = !this.isPaused;
      setText(this.pause, this.isPaused ? "Follow" : "Pause");
      // Of a run that is over nobody looks for news by themselves.
      this.told(() => this.follow(this.isOpen));
    });
  }

  get chosen() {
    const given = FILTERS.map((name) => [name, this.form.elements.namedItem(name)?.value.trim()]);
    return new URLSearchParams(given.filter(([, value]) => value));
  }

  ask(more) {
    return get(`${this.settings.events}?${new URLSearchParams([...this.chosen, ...Object.entries(more)])}`);
  }

  async told(act) {
    try {
      await act();
    } catch (error) {
      setText(this.state, error.message);
    }
  }

  filtered() {
    const chosen = this.chosen.toString();
    history.replaceState(null, "", `${location.pathname}${chosen ? `?${chosen}` : ""}`);
    return this.told(() => this.begin());
  }

  /** Whether there is nothing here of what is asked for: it was not read yet, or could not be. */
  get isUnread() {
    return !this.rows;
  }

  /** The newest events that match. An answer to what is not asked any more counts not. */
  async begin() {
    this.asked += 1;
    const asked = this.asked;
    this.rows = null;
    this.older.hidden = true;
    const page = await this.ask({ order: "newest", limit: FIRST_ROWS });
    if (asked !== this.asked) {
      return;
    }
    this.rows = new Map();
    this.floor = 0;
    this.body.replaceChildren();
    this.box.scrollTop = 0;
    this.count(0);
    this.append(page);
    this.raiseFloor(page.results);
    this.say();
  }

  async readOlder() {
    const asked = this.asked;
    const page = await this.ask({ order: "newest", limit: OLDER_ROWS, cursor: this.cursor });
    if (asked === this.asked) {
      this.append(page);
    }
  }

  append({ results, next }) {
    results.forEach((event) => this.insert(event, null));
    this.cursor = next;
    this.older.hidden = !next;
    if (!this.rows.size) {
      this.body.replaceChildren(element("tr", {}, element("td", { colSpan: 5 }, "There is nothing here that matches.")));
    }
  }

  /** What came since. Nothing is asked while it is paused, before the log is read, or where `isOpen` is false. */
  async follow(isOpen) {
    this.isOpen = isOpen;
    if (this.isUnread) {
      await this.begin();
    } else if (!this.isPaused) {
      await this.readNews();
    }
    this.say();
  }

  async readNews() {
    const asked = this.asked;
    const from = this.floor ? { after_id: this.floor } : {};
    let page = { next: "" };
    while (page.next !== null) {
      page = await this.ask({ order: "oldest", limit: TAIL_ROWS, ...from, ...(page.next ? { cursor: page.next } : {}) });
      if (asked !== this.asked) {
        return;
      }
      this.prepend(page.results);
    }
    if (this.rows.size > MOST_ROWS && this.box.scrollTop === 0) {
      await this.begin();
    }
  }

  prepend(events) {
    const fresh = events.filter(({ id }) => !this.rows.has(id));
    this.raiseFloor(events);
    if (!fresh.length) {
      return;
    }
    if (!this.rows.size) {
      this.body.replaceChildren();
    }
    const { scrollTop, scrollHeight } = this.box;
    fresh.forEach((event) => this.insert(event, this.rowAfter(event.id)).classList.add("run-fresh"));
    if (scrollTop > 0) {
      // Who reads further down goes on reading there.
      this.box.scrollTop = scrollTop + this.box.scrollHeight - scrollHeight;
      this.count(this.unseen + fresh.length);
    }
  }

  /** The first row that is older. */
  rowAfter(id) {
    let row = this.body.firstElementChild;
    while (row && Number(row.dataset.event) > id) {
      row = row.nextElementSibling;
    }
    return row;
  }

  raiseFloor(events) {
    const times = events.map((event) => Date.parse(event.created_at));
    const last = Math.max(this.newest ?? 0, ...times);
    this.newest = last;
    const settled = events.filter((event, number) => times[number] < last - OVERLAP_MILLISECONDS).map(({ id }) => id);
    const oldest = this.floor || (events.length === FIRST_ROWS ? Math.min(...events.map(({ id }) => id)) : 0);
    this.floor = Math.max(oldest, ...settled);
  }

  insert(event, before) {
    const row = this.rowOf(event);
    this.rows.set(event.id, row);
    this.body.insertBefore(row, before);
    return row;
  }

  rowOf({ id, created_at: at, level, stage, step, message }) {
    const link = element("a", { className: "underline", href: this.settings.event.replace("/0/", `/${id}/`) }, this.times.format(new Date(at)));
    const more = message.length - LONGEST_MESSAGE;
    const words = more > 0 ? `${message.slice(0, LONGEST_MESSAGE)}… ${more} characters more` : message;
    return element(
      "tr",
      { dataset: { event: id } },
      element("td", { className: "run-time" }, link),
      element("td", {}, element("span", { className: "run-state", dataset: { state: level } }, level)),
      element("td", {}, stage),
      element("td", {}, this.settings.steps[step] ?? step),
      element("td", { className: "run-message" }, words),
    );
  }

  count(unseen) {
    this.unseen = unseen;
    this.news.hidden = unseen === 0;
    setText(this.news, unseen === 1 ? "1 new event above" : `${unseen} new events above`);
  }

  say() {
    this.pause.hidden = !this.isOpen && !this.isPaused;
    const isOver = this.isOpen ? "" : "The run is over";
    setText(this.state, this.isPaused ? ["Paused", isOver].filter(Boolean).join(". ") : isOver || "New events appear here");
  }
}
