// Keeps a part of a page up to date: `<div data-fresh="5">` is asked for anew every 5 s while the page is seen.
//
// The server answers the same address with the part alone (`etl.admin.parts`), made by the template that made the page.
// Only what is different is changed: the focus, what is open and what scripts have drawn (`[data-series]`) stay. After
// each time the part is told by the event "fresh". Where `data-from` names another address, that one is asked, and at
// once; `data-fresh="0"` asks only once.
import { getPage } from "./api.js";
import { poll } from "./live.js";
import { isAsked, sameChildren } from "./morph.js";

async function refresh(part) {
  const made = (await getPage(part.dataset.from || location.href, { "X-Part": "1" })).body;
  if (!isAsked()) {
    sameChildren(part, made);
    part.dispatchEvent(new CustomEvent("fresh"));
  }
}

for (const part of document.querySelectorAll("[data-fresh]")) {
  const seconds = Number(part.dataset.fresh);
  if (seconds) {
    poll(() => refresh(part), { seconds });
  } else {
    refresh(part).catch((error) => console.warn(error));
  }
}
