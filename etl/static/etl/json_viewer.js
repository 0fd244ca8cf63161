// Shows JSON as a tree that folds, is searched, and tells where each value stands. Only the rows that are seen are in
// the page; a large answer is fetched and read by a worker. Of pages see json_pages.js.
import { copy } from "./clipboard.js";
import { element } from "./elements.js";
import {
  ARRAY, OBJECT, STRING, depthWithin, indexJson, keyOf, lastAtMost, nodeAtPath, pathOf, search, unquoted,
} from "./json_index.js";

const ROW_PIXELS = 24;
const ROWS_AROUND = 12;
const MOST_SEEN_ROWS = 24;
// Browsers know no taller elements: of more rows each pixel stands for several.
const MOST_PIXELS = 8_000_000;
// So many rows are open at first, if the first level has no more.
const OPEN_ROWS = 200;
const ROW_CHARACTERS = 300;
const WHOLE_CHARACTERS = 20_000;
const LONG_CHARACTERS = 60;
const SEARCH_MILLISECONDS = 150;
// As json_index.js numbers them.
const KINDS = ["object", "array", "string", "number", "word"];
let made = 0;

const button = (label, onclick) => element("button", { type: "button", onclick }, label);

export class JsonViewer {
  /** Takes the place of what is in the element. `label` is what the tree is called, `path` what is opened first. */
  constructor(host, { label = "JSON", path = "" } = {}) {
    made += 1;
    this.name = `json-${made}`;
    this.path = path;
    this.hits = new Int32Array(0);
    this.words = "";
    this.state = element("span", { role: "status", className: "json-state" });
    this.box = element("input", { type: "search", placeholder: "Keys and values", "aria-label": `Search ${label}` });
    this.tools = element("div", { className: "json-tools" }, this.box, button("Previous", () => this.step(-1)),
      button("Next", () => this.step(1)), button("Fold all", () => this.foldAll(1)),
      button("Unfold all", () => this.foldAll(Infinity)), this.state);
    this.where = element("output", { className: "json-path", "aria-label": "Path" });
    this.place = element("div", { className: "json-tools" }, this.where,
      button("Copy path", () => this.copied(pathOf(this.nodes, this.text, this.chosen), "path")),
      button("Copy value", () => this.copied(this.valueOf(this.chosen), "value")));
    this.rows = element("div", { className: "json-rows", role: "presentation" });
    this.space = element("div", { className: "json-space", role: "presentation" }, this.rows);
    this.tree = element("div", {
      className: "json-tree", role: "tree", tabIndex: 0, "aria-label": label, title: "Arrow keys move, fold and unfold",
    }, this.space);
    this.whole = element("pre", { className: "json-whole", tabIndex: 0, "aria-label": "The whole value", hidden: true });
    this.tools.inert = this.place.inert = true;
    host.classList.add("json-view");
    host.replaceChildren(this.tools, this.place, this.tree, this.whole);
    this.listen();
  }

  listen() {
    let waiting = 0;
    this.box.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.search(this.box.value), SEARCH_MILLISECONDS);
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.step(event.shiftKey ? -1 : 1);
      }
    });
    this.tree.addEventListener("scroll", () => this.paintSoon(), { passive: true });
    this.tree.addEventListener("keydown", (event) => this.press(event));
    this.tree.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(() => this.paintSoon()).observe(this.tree);
  }

  say(words) {
    this.state.textContent = words;
  }

  /** A text that is at hand. Throws SyntaxError where it is no JSON. */
  read(text) {
    this.show(text, indexJson(text));
  }

  /** An address that answers with JSON. */
  load(address) {
    this.say("Loading…");
    this.tree.setAttribute("aria-busy", "true");
    this.worker = new Worker(new URL("json_worker.js", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }) => {
      if (data.error) {
        this.tree.removeAttribute("aria-busy");
        this.say(`It cannot be shown: ${data.error}`);
      } else if (data.hits) {
        this.found(data.asked, data.hits);
      } else {
        this.show(data.text, data.nodes);
      }
    });
    this.worker.addEventListener("error", () => this.say("The script that reads it did not start."));
    this.worker.postMessage({ address });
  }

  show(text, nodes) {
    Object.assign(this, { text, nodes, chosen: 0, folded: new Uint8Array(nodes.count) });
    this.tools.inert = this.place.inert = false;
    this.tree.removeAttribute("aria-busy");
    this.say(`${nodes.count.toLocaleString()} values, ${text.length.toLocaleString()} characters`);
    this.foldAll(depthWithin(nodes, OPEN_ROWS));
    if (this.path) {
      this.choose(nodeAtPath(nodes, text, this.path));
    }
  }

  // Folding

  isParent(node) {
    return this.nodes.kind[node] <= ARRAY && this.nodes.size[node] > 0;
  }

  /** Folds what is at that depth or deeper. */
  foldAll(depth) {
    for (let node = 0; node < this.nodes.count; node += 1) {
      this.folded[node] = this.isParent(node) && this.nodes.depth[node] >= depth ? 1 : 0;
    }
    this.lay();
    this.choose(this.shownAncestor(this.chosen));
  }

  fold(node, folded) {
    if (this.isParent(node)) {
      this.folded[node] = folded ? 1 : 0;
      this.lay();
      this.choose(node);
    }
  }

  shownAncestor(node) {
    let shown = node;
    for (let at = node; at >= 0; at = this.nodes.parent[at]) {
      shown = at === node || this.folded[at] ? at : shown;
    }
    return shown;
  }

  reveal(node) {
    let changed = false;
    for (let at = this.nodes.parent[node]; at >= 0; at = this.nodes.parent[at]) {
      changed ||= this.folded[at] === 1;
      this.folded[at] = 0;
    }
    if (changed) {
      this.lay();
    }
  }

  /** Which values have rows: those that stand in nothing folded. */
  lay() {
    const { nodes, folded } = this;
    const shown = new Int32Array(nodes.count);
    let count = 0;
    for (let node = 0; node < nodes.count; node = folded[node] ? nodes.last[node] : node + 1) {
      shown[count] = node;
      count += 1;
    }
    this.shown = shown.subarray(0, count);
    this.height = Math.min(count * ROW_PIXELS, MOST_PIXELS);
    this.space.style.height = `${this.height}px`;
    this.tree.style.height = `${Math.min(count, MOST_SEEN_ROWS) * ROW_PIXELS + 2}px`;
    this.paint();
  }

  // What is seen

  get seenRows() {
    return Math.max(1, Math.floor(this.tree.clientHeight / ROW_PIXELS));
  }

  /** How many pixels of rows one pixel of scrolling is. */
  get scale() {
    const all = this.shown.length * ROW_PIXELS;
    const view = this.tree.clientHeight;
    return all > this.height ? (all - view) / (this.height - view) : 1;
  }

  paintSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.paint();
    });
  }

  paint() {
    if (!this.shown) {
      return;
    }
    const { scrollTop } = this.tree;
    const top = scrollTop * this.scale;
    const first = Math.max(0, Math.floor(top / ROW_PIXELS) - ROWS_AROUND);
    const end = Math.min(this.shown.length, first + this.seenRows + 2 * ROWS_AROUND);
    const rows = [];
    for (let number = first; number < end; number += 1) {
      rows.push(this.row(this.shown[number]));
    }
    this.rows.style.transform = `translateY(${scrollTop + first * ROW_PIXELS - top}px)`;
    this.rows.replaceChildren(...rows);
    const active = rows.find((row) => row.ariaSelected === "true");
    this.tree.setAttribute("aria-activedescendant", active ? active.id : "");
  }

  row(node) {
    const { nodes, text } = this;
    const siblings = nodes.parent[node] < 0 ? 1 : nodes.size[nodes.parent[node]];
    const created = element("div", {
      className: "json-row",
      id: `${this.name}-${node}`,
      role: "treeitem",
      "aria-level": nodes.depth[node] + 1,
      "aria-posinset": nodes.place[node] + 1,
      "aria-setsize": siblings,
      "aria-selected": node === this.chosen,
      "data-node": node,
      style: `--depth: ${Math.min(nodes.depth[node], 16)}`,
    });
    const mark = element("span", { className: "json-fold", "aria-hidden": "true" });
    if (this.isParent(node)) {
      created.setAttribute("aria-expanded", this.folded[node] ? "false" : "true");
      mark.textContent = this.folded[node] ? "▸" : "▾";
    }
    created.append(mark);
    if (nodes.parent[node] >= 0) {
      created.append(element("span", { className: "json-key" }, ...this.marked(keyOf(nodes, text, node))), ": ");
    }
    const className = `json-${KINDS[nodes.kind[node]]}`;
    created.append(element("span", { className }, ...this.marked(this.shortOf(node))));
    return created;
  }

  shortOf(node) {
    const { nodes, text } = this;
    const [kind, size] = [nodes.kind[node], nodes.size[node]];
    const cut = text.slice(nodes.start[node], Math.min(nodes.end[node], nodes.start[node] + ROW_CHARACTERS));
    if (kind > ARRAY || !size) {
      return cut;
    }
    const counted = kind === OBJECT ? `{${size} ${size === 1 ? "key" : "keys"}}` : `[${size}]`;
    return this.folded[node] ? `${counted}  ${cut.slice(0, ROW_CHARACTERS / 3)}` : counted;
  }

  /** The text with the words that are searched for marked in it. */
  marked(shown) {
    const place = this.words ? shown.toLowerCase().indexOf(this.words.toLowerCase()) : -1;
    if (place < 0) {
      return [shown];
    }
    const end = place + this.words.length;
    return [shown.slice(0, place), element("mark", {}, shown.slice(place, end)), shown.slice(end)];
  }

  valueOf(node) {
    const written = this.text.slice(this.nodes.start[node], this.nodes.end[node]);
    return this.nodes.kind[node] === STRING ? unquoted(written) : written;
  }

  // Choosing

  /** Unfolds what it stands in, scrolls to it, and tells where it stands. */
  choose(node) {
    this.chosen = node;
    this.reveal(node);
    this.scrollTo(lastAtMost(this.shown, node));
    this.where.textContent = pathOf(this.nodes, this.text, node);
    this.showWhole(node);
    this.paint();
  }

  scrollTo(number) {
    const { scale, tree } = this;
    const top = number * ROW_PIXELS;
    const seen = tree.scrollTop * scale;
    if (top < seen) {
      tree.scrollTop = top / scale;
    } else if (top + ROW_PIXELS > seen + tree.clientHeight) {
      tree.scrollTop = (top + 3 * ROW_PIXELS - tree.clientHeight) / scale;
    }
  }

  showWhole(node) {
    const { nodes } = this;
    this.whole.hidden = nodes.kind[node] !== STRING || nodes.end[node] - nodes.start[node] < LONG_CHARACTERS;
    if (this.whole.hidden) {
      return;
    }
    const value = this.valueOf(node);
    const more = value.length - WHOLE_CHARACTERS;
    const rest = more > 0 ? `\n… ${more.toLocaleString()} characters more` : "";
    this.whole.textContent = value.slice(0, WHOLE_CHARACTERS) + rest;
  }

  async copied(text, what) {
    try {
      await copy(text);
      this.say(`The ${what} is copied.`);
    } catch (error) {
      this.say(`The ${what} could not be copied: ${error.message}`);
    }
  }

  click(event) {
    const row = event.target.closest("[data-node]");
    if (!row) {
      return;
    }
    const node = Number(row.dataset.node);
    if (event.target.closest(".json-fold") || (event.detail === 2 && this.isParent(node))) {
      this.fold(node, !this.folded[node]);
    } else {
      this.choose(node);
    }
  }

  press(event) {
    const { nodes, shown, chosen: node } = this;
    if (!shown || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const number = lastAtMost(shown, node);
    const at = (wanted) => this.choose(shown[Math.max(0, Math.min(shown.length - 1, wanted))]);
    const open = this.isParent(node) && !this.folded[node];
    const keys = {
      ArrowDown: () => at(number + 1),
      ArrowUp: () => at(number - 1),
      PageDown: () => at(number + this.seenRows),
      PageUp: () => at(number - this.seenRows),
      Home: () => at(0),
      End: () => at(shown.length - 1),
      ArrowRight: () => (open ? at(number + 1) : this.fold(node, false)),
      ArrowLeft: () => (open ? this.fold(node, true) : this.choose(Math.max(0, nodes.parent[node]))),
      Enter: () => this.fold(node, open),
      " ": () => this.fold(node, open),
    };
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  }

  // Searching

  search(words) {
    this.words = words;
    this.asked = (this.asked ?? 0) + 1;
    if (this.worker) {
      this.worker.postMessage({ words, asked: this.asked });
    } else {
      this.found(this.asked, search(this.nodes, this.text, words));
    }
  }

  found(asked, hits) {
    if (asked !== this.asked) {
      return;
    }
    this.hits = hits;
    this.hit = -1;
    this.paint();
    if (hits.length) {
      this.step(1);
    } else {
      this.say(this.words ? "Nothing is found." : "");
    }
  }

  /** To the next value that was found, or the one before; from the last to the first. */
  step(by) {
    if (this.hits.length) {
      this.hit = (this.hit + by + this.hits.length) % this.hits.length;
      this.choose(this.hits[this.hit]);
      this.say(`${(this.hit + 1).toLocaleString()} of ${this.hits.length.toLocaleString()}`);
    }
  }
}
