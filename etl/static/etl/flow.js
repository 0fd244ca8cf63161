// The flow page: the filters stand in the address, and its figures come without the page being loaded anew.

import { get } from "./api.js";
import { showCards } from "./cards.js";
import { draw, figure } from "./charts.js";
import { setText } from "./elements.js";
import { poll } from "./live.js";

const form = document.getElementById("flow-filters");
const state = document.getElementById("flow-state");
const percentile = form.elements.percentile;
// What is typed is asked for once its writer has stopped.
const PAUSE_MILLISECONDS = 400;
const AGAIN_SECONDS = 60;

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
async function look() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  percentile.disabled = form.elements.apart.value === "";
  document.body.setAttribute("aria-busy", "true");
  try {
    tell(await get(`${state.dataset.figures}?${said()}`, { signal }));
  } catch (error) {
    if (!signal.aborted) {
      tellErrors(error.errors ?? {}, `${error.message}. What is shown is of before.`);
      throw error;
    }
  } finally {
    if (!signal.aborted) {
      document.body.removeAttribute("aria-busy");
    }
  }
}

function tell(told) {
  tellErrors({}, told.note);
  showCards(document.getElementById("flow-counts"), told.counts);
  showTimes(told.times);
  for (const canvas of document.querySelectorAll("canvas[data-flow]")) {
    draw(canvas, told.charts[canvas.dataset.flow]);
  }
}

/** Says what is wrong beside its field, and of the rest above the charts; where nothing is, `otherwise`. */
function tellErrors(errors, otherwise) {
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
  setText(state, Object.keys(errors).length ? ["Not shown.", ...Object.values(left).flat()].join(" ") : otherwise);
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
  setText(state, "Loading");
  look().catch((error) => console.warn(error));
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
poll(look, { seconds: AGAIN_SECONDS, state: null });
