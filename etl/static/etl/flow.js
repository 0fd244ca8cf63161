// The flow page: the filters stand in the address, and its figures come without the page being loaded anew.

import { showCards } from "./cards.js";
import { draw, figure } from "./charts.js";

const form = document.getElementById("flow-filters");
const state = document.getElementById("flow-state");
const percentile = form.elements.percentile;
// What is typed is asked for once its writer has stopped.
const PAUSE_MILLISECONDS = 400;
const AGAIN_MILLISECONDS = 60_000;

let asking = new AbortController();
let waiting;

/** What the form says, without what says nothing. */
function said() {
  const query = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...query]) {
    if (value === "") {
      query.delete(name);
    }
  }
  return query;
}

/** Fetches what the form asks for; what was asked before is not waited for any more. */
async function show({ quietly = false } = {}) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  percentile.disabled = form.elements.apart.value === "";
  if (!quietly) {
    state.textContent = "Loading";
  }
  document.body.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${state.dataset.figures}?${said()}`, { signal, headers: { Accept: "application/json" } });
    if (answer.redirected) {
      throw new Error("You are logged out: load the page anew.");
    }
    tell(await answer.json());
  } catch (error) {
    if (!signal.aborted) {
      state.textContent = error instanceof TypeError ? "The server does not answer. Change a filter to try again." : error.message;
    }
  } finally {
    if (!signal.aborted) {
      document.body.removeAttribute("aria-busy");
    }
  }
}

function tell(told) {
  tellErrors(told.errors ?? {});
  if (told.errors) {
    return;
  }
  showCards(document.getElementById("flow-counts"), told.counts);
  showTimes(told.times);
  for (const canvas of document.querySelectorAll("canvas[data-flow]")) {
    draw(canvas, told.charts[canvas.dataset.flow]);
  }
  state.textContent = told.note;
}

/** Says what is wrong beside its field, and of the rest above the charts. */
function tellErrors(errors) {
  const left = { ...errors };
  for (const place of form.querySelectorAll("[data-error]")) {
    const messages = left[place.dataset.error];
    const field = form.elements[place.dataset.error];
    delete left[place.dataset.error];
    place.hidden = !messages;
    place.textContent = [messages ?? []].flat().join(" ");
    field.setAttribute("aria-invalid", String(Boolean(messages)));
    field.setAttribute("aria-describedby", messages ? place.id : "");
  }
  state.textContent = Object.keys(errors).length ? ["Not shown.", ...Object.values(left).flat()].join(" ") : "";
}

function showTimes(times) {
  const body = document.querySelector("#flow-times tbody");
  body.replaceChildren(
    ...times.map(({ name, unit, ...percentiles }) => {
      const row = document.createElement("tr");
      const heading = document.createElement("th");
      heading.scope = "row";
      heading.textContent = name;
      const cells = ["p50", "p85", "p95"].map((at) => {
        const cell = document.createElement("td");
        cell.className = "ops-number";
        cell.textContent = figure(percentiles[at], unit);
        return cell;
      });
      row.append(heading, ...cells);
      return row;
    }),
  );
}

function changed() {
  history.pushState(null, "", `?${said()}`);
  show();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(waiting);
  changed();
});
form.addEventListener("change", (event) => {
  clearTimeout(waiting);
  if (event.target.name === "tenant") {
    // Its projects and teams are others.
    location.assign(`?${new URLSearchParams({ tenant: event.target.value })}`);
    return;
  }
  waiting = setTimeout(changed, event.target.tagName === "SELECT" ? 0 : PAUSE_MILLISECONDS);
});
addEventListener("popstate", () => location.reload());
setInterval(() => {
  if (document.visibilityState === "visible") {
    show({ quietly: true });
  }
}, AGAIN_MILLISECONDS);

show();
