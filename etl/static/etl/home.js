// The home page: what it was served with at first, then the same again and again while somebody looks.

import { say, showCards } from "./cards.js";
import { draw } from "./charts.js";

const NOW_MILLISECONDS = 5_000;
const FLOW_MILLISECONDS = 300_000;

const place = (name) => document.getElementById(`home-${name}`);
const state = place("state");

function showNow(told) {
  say(place("at"), `As of ${told.at}.`);
  showCards(place("cards"), told.cards);
  showList(place("running"), told.running);
  showList(place("attention"), told.attention);
  draw(place("rows"), told.rows);
  place("first").hidden = told.steps.length === 0;
  showSteps(told.steps);
}

function showFlow(told) {
  say(place("flow-said"), told.said);
  showCards(place("flow"), told.cards);
  if (told.chart) {
    draw(place("cycle"), told.chart);
  }
}

/** Rows of {title, note, link, done?, all?}; those that stay the same stay in place, so that the focus does. */
function showList(list, entries) {
  const shown = entries.length ? entries : [{ title: list.dataset.empty, note: "", link: null }];
  const kept = [...list.children];
  shown.forEach((entry, number) => fill(kept[number] ?? list.appendChild(document.createElement("li")), entry));
  kept.slice(shown.length).forEach((row) => row.remove());
}

function fill(row, entry) {
  const text = JSON.stringify(entry);
  if (row.dataset.shown === text) {
    return;
  }
  row.dataset.shown = text;
  const focused = row.contains(document.activeElement);
  const title = document.createElement(entry.link ? "a" : "span");
  title.textContent = entry.title;
  if (entry.link) {
    title.href = entry.link;
  }
  const note = document.createElement("span");
  note.className = "ops-quiet";
  note.textContent = entry.note;
  row.replaceChildren(title, ...(entry.all ? [bar(entry)] : []), ...(entry.note ? [note] : []));
  if (focused) {
    title.focus();
  }
}

function bar({ title, done, all }) {
  const made = document.createElement("progress");
  made.max = all;
  made.value = done;
  made.setAttribute("aria-label", title);
  return made;
}

function showSteps(steps) {
  showList(place("steps"), steps.map((step) => ({ ...step, title: step.done ? `✓ ${step.title} (done)` : step.title })));
}

/** Asks now, and again after a while; while the page is hidden nobody is asked. */
function keepShowing(address, milliseconds, show, first) {
  const ask = async () => {
    if (document.visibilityState === "visible") {
      try {
        const answer = await fetch(address, { headers: { Accept: "application/json" } });
        if (answer.redirected || !answer.ok) {
          throw new Error(answer.redirected ? "You are logged out: load the page anew." : `The server answers ${answer.status}, trying again.`);
        }
        show(await answer.json());
        say(state, "");
      } catch (error) {
        say(state, error instanceof TypeError ? "The server does not answer, trying again." : error.message);
      }
    }
    setTimeout(ask, milliseconds);
  };
  setTimeout(ask, first);
}

showNow(JSON.parse(document.getElementById("home").textContent));
keepShowing(state.dataset.now, NOW_MILLISECONDS, showNow, NOW_MILLISECONDS);
keepShowing(state.dataset.flow, FLOW_MILLISECONDS, showFlow, 0);
