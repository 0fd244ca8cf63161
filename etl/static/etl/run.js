// The page of a run: what the server showed at first is looked at again and again, its log is followed, its buttons
// are pressed without leaving it.
import "./confirm.js";
import { post } from "./api.js";
import { Told } from "./job_actions.js";
import { JsonViewer } from "./json_viewer.js";
import { poll } from "./live.js";
import { refresh } from "./morph.js";
import { RunLog } from "./run_log.js";

const SECONDS = 2;
// A run that is over may be retried by others: it is looked at every so many times.
const RARELY = 2;

const page = document.querySelector("[data-run]");
const parts = document.getElementById("run-parts");
const settings = JSON.parse(document.getElementById("run-page").textContent);
const told = new Told(page.querySelector("[data-told]"));
const log = new RunLog(page, settings);
let looks = 0;
let isPressed = false;

const isOpen = () => Boolean(parts.dataset.underWay);

function look() {
  return refresh(parts, `${settings.parts}?${new URLSearchParams({ quarantine: parts.dataset.quarantine })}`);
}

async function lookAgain() {
  const wasOpen = isOpen();
  looks += 1;
  if (wasOpen || looks % RARELY === 1) {
    await look();
    // What was written before it ended comes with one look more.
    if (wasOpen || isOpen() || log.isUnread) {
      await log.follow(isOpen());
    }
  }
}

// One thing at a time. The button may be gone afterwards: the focus goes to another one, or to what became of it.
async function press(form, button) {
  if (isPressed) {
    return;
  }
  isPressed = true;
  page.setAttribute("aria-busy", "true");
  const given = new FormData(form);
  given.set(button.name, button.value);
  try {
    const answer = await post(form.action, given);
    told.all(answer.told);
    await look();
    await log.follow(isOpen());
  } catch (error) {
    told.failure(error);
  } finally {
    isPressed = false;
    page.removeAttribute("aria-busy");
    if (!button.isConnected) {
      (parts.querySelector("[data-act] button") ?? parts).focus();
    }
  }
}

parts.addEventListener("submit", (event) => {
  if (event.target.matches("[data-act]")) {
    event.preventDefault();
    press(event.target, event.submitter);
  }
});

// An answer is read when somebody wants to see it.
parts.addEventListener(
  "toggle",
  (event) => {
    const host = event.target.open ? event.target.querySelector("[data-answer]") : null;
    if (host && !host.childElementCount) {
      const { answer, label, path } = host.dataset;
      new JsonViewer(host, { label, path }).load(answer);
    }
  },
  true,
);

poll(lookAgain, { seconds: SECONDS });
