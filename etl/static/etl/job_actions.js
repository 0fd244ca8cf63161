// What people do to a job from its card: buttons, and a run with options. The server says what was done, in words.
import { get, post } from "./api.js";
import { ask } from "./confirm.js";
import { element } from "./elements.js";

const NAMED_ID = "/0/";
const MOST_TOLD = 3;

const addressOf = (pattern, id) => pattern.replace(NAMED_ID, `/${id}/`);

// Messages stay until they are closed, or others push them out.
export class Told {
  constructor(region) {
    this.region = region;
  }

  add({ level, text, link }) {
    const words = link ? element("a", { href: link }, text) : text;
    const close = element("button", { type: "button", className: "job-told-close", "aria-label": "Close" }, "×");
    const message = element("div", { className: `job-told job-told-${level}` }, element("span", {}, words), close);
    const focused = document.activeElement;
    close.addEventListener("click", () => {
      message.remove();
      (this.region.querySelector(".job-told-close") ?? focused).focus();
    });
    this.region.append(message);
    while (this.region.children.length > MOST_TOLD) {
      this.region.firstElementChild.remove();
    }
  }

  all(messages) {
    messages.forEach((message) => this.add(message));
  }

  failure(error) {
    this.add({ level: "error", text: error.message });
  }
}

// Asks first, where it cannot be undone.
export async function press({ name, label, question }, job, settings, told) {
  if (question && !(await ask(`${job.card.name}: ${question}`, label))) {
    return;
  }
  const form = new FormData();
  form.set("act", name);
  form.set("confirmed", "1");
  try {
    const answer = await post(addressOf(settings.act, job.card.id), form);
    told.all(answer.told);
    answer.jobs.forEach((card) => job.update(card));
  } catch (error) {
    told.failure(error);
  }
}

// A run with options

export async function runWithOptions(job, settings, told) {
  const address = addressOf(settings.run, job.card.id);
  try {
    const { fields } = await get(address);
    await showOptions(job, address, fields, told);
  } catch (error) {
    told.failure(error);
  }
}

function showOptions(job, address, fields, told) {
  const title = element("h2", { id: "run-options-title" }, `Run ${job.card.name} with options`);
  const faults = element("p", { className: "ops-form-error", role: "alert" });
  const cancel = element("button", { type: "button", className: "ops-button" }, "Cancel");
  const start = element("button", { type: "submit", className: "ops-button ops-button-primary" }, "Start");
  const buttons = element("div", { className: "ops-dialog-buttons" }, cancel, start);
  const form = element("form", { className: "ops-form", noValidate: true }, title, faults);
  form.append(...fields.map(fieldOf), buttons);
  const dialog = element("dialog", { className: "ops-dialog ops-dialog-wide", "aria-labelledby": title.id }, form);
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    try {
      const answer = await post(address, new FormData(form));
      if (showFaults(form, faults, answer.errors)) {
        return;
      }
      answer.jobs.forEach((card) => job.update(card));
      const refused = answer.told.filter(({ level }) => level === "error");
      faults.textContent = refused.map(({ text }) => text).join(" ");
      if (refused.length === 0) {
        told.all(answer.told);
        dialog.close();
      }
    } catch (error) {
      faults.textContent = error.message;
    } finally {
      start.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
  });
}

// Whether there are any; the first field with one gets the focus.
function showFaults(form, above, errors) {
  const named = Object.entries(errors || {});
  above.textContent = (errors?.__all__ || []).join(" ");
  for (const place of form.querySelectorAll("[data-errors-of]")) {
    const found = errors?.[place.dataset.errorsOf] || [];
    place.textContent = found.join(" ");
    const input = form.querySelector(`[name="${place.dataset.errorsOf}"]`);
    input?.toggleAttribute("aria-invalid", found.length > 0);
  }
  form.querySelector("[aria-invalid]")?.focus();
  return named.length > 0;
}

// One of the form's fields, as the server describes it.
function fieldOf({ name, label, help, kind, value, choices }) {
  const id = `run-${name}`;
  const hint = element("span", { className: "ops-quiet", id: `${id}-help` }, help);
  const errors = element("span", { className: "ops-form-error", id: `${id}-errors`, dataset: { errorsOf: name } });
  const described = { "aria-describedby": `${hint.id} ${errors.id}` };
  if (kind === "choices") {
    const boxes = choices.map(([choice, title]) => {
      const box = element("input", { type: "checkbox", name, value: choice, checked: value.includes(choice) });
      return element("label", { className: "ops-check" }, box, title);
    });
    const checks = element("div", { className: "ops-checks" }, ...boxes);
    const legend = element("legend", {}, label);
    return element("fieldset", { className: "ops-field", ...described }, legend, checks, hint, errors);
  }
  if (kind === "flag") {
    const box = element("input", { type: "checkbox", id, name, checked: Boolean(value), ...described });
    const check = element("label", { className: "ops-check" }, box, label);
    return element("div", { className: "ops-field" }, check, hint, errors);
  }
  const input = element("input", { type: kind, id, name, value: value ?? "", className: "ops-input", ...described });
  return element("div", { className: "ops-field" }, element("label", { for: id }, label), input, hint, errors);
}
