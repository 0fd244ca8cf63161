// Asks before what cannot be undone.
//
// On a page that loads this module, `<button data-confirm="Stop the run? What waits in it is cancelled.">` asks before
// its click counts, in a form as anywhere else; `data-confirm-label` is what the answer that does it is called, else it
// is what the button says. The form then sends `confirmed=1`: without script it is missing, and the server asks.
//
//   import { ask } from "./confirm.js";
//   if (await ask("Stop the run?", "Stop")) { … }
import { element } from "./elements.js";

const CONFIRMED = "confirmed";

// Whether the person agreed. Escape and "Cancel" do not; the focus goes back to where it was.
export function ask(question, label = "Continue") {
  const words = element("p", { id: "confirm-question" }, question);
  const cancel = element("button", { value: "", className: "ops-button", autofocus: true }, "Cancel");
  const agree = element("button", { value: CONFIRMED, className: "ops-button ops-button-danger" }, label);
  const buttons = element("form", { method: "dialog", className: "ops-dialog-buttons" }, cancel, agree);
  const dialog = element("dialog", { className: "ops-dialog", "aria-labelledby": words.id }, words, buttons);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === CONFIRMED);
    });
  });
}

function confirmForm(form) {
  if (!form.elements.namedItem(CONFIRMED)) {
    form.append(element("input", { type: "hidden", name: CONFIRMED, value: "1" }));
  }
}

// In the capturing phase: nobody else hears of the click before the answer.
document.addEventListener(
  "click",
  async (event) => {
    const button = event.target.closest?.("[data-confirm]");
    if (!button || button.disabled) {
      return;
    }
    if (button.dataset.agreed) {
      delete button.dataset.agreed;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (await ask(button.dataset.confirm, button.dataset.confirmLabel || button.textContent.trim())) {
      if (button.form) {
        confirmForm(button.form);
      }
      button.dataset.agreed = "1";
      button.click();
    }
  },
  true,
);
