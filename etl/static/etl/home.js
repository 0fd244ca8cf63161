// The home page: what it was served with at first, then the same again and again while somebody looks.

import { get } from "./api.js";
import { showCards } from "./cards.js";
import { draw } from "./charts.js";
import { setText } from "./elements.js";
import { poll } from "./live.js";

const NOW_SECONDS = 5;
const FLOW_SECONDS = 300;

const place = (name) => document.getElementById(`home-${name}`);
const state = place("state");

function showNow(told) {
  setText(place("at"), `As of ${told.at}.`);
  showCards(place("cards"), told.cards);
  showList(place("running"), told.running);
  showList(place("attention"), told.attention);
  draw(place("rows"), told.rows);
  place("first").hidden = told.steps.length === 0;
  showSteps(told.steps);
}

function showFlow(told) {
  setText(place("flow-said"), told.said);
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

async function lookAtFlow() {
  try {
    showFlow(await get(state.dataset.flow));
  } catch (error) {
    setText(place("flow-said"), `${error.message}. What is shown is of before.`);
    throw error;
  }
}

showNow(JSON.parse(document.getElementById("home").textContent));
poll(async () => showNow(await get(state.dataset.now)), { seconds: NOW_SECONDS, state });
poll(lookAtFlow, { seconds: FLOW_SECONDS, state: null });
