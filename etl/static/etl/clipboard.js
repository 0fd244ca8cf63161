import { element } from "./elements.js";

/** Puts the text on the clipboard. Throws where the browser does not. */
export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Without HTTPS browsers have no clipboard, but this.
  const focused = document.activeElement;
  const box = element("textarea", { value: text });
  document.body.append(box);
  box.select();
  const isCopied = document.execCommand("copy");
  box.remove();
  focused?.focus();
  if (!isCopied) {
    throw new Error("the browser does not allow it");
  }
}
