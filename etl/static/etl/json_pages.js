// Makes trees of the JSON on a page: `data-json-src` names an address, `pre[data-json]` holds a text that is shown as it
// is where no script runs; `data-json-path` is what is opened first.
import { element } from "./elements.js";
import { indexJson } from "./json_index.js";
import { JsonViewer } from "./json_viewer.js";

function replace(shown) {
  const text = shown.textContent;
  try {
    if (indexJson(text).count < 2) {
      return;
    }
  } catch {
    // It was cut, since it is very long.
    return;
  }
  const host = element("div");
  new JsonViewer(host, { label: shown.dataset.json }).read(text);
  shown.replaceWith(host);
}

for (const host of document.querySelectorAll("[data-json-src]")) {
  const { jsonLabel: label, jsonPath: path, jsonSrc: address } = host.dataset;
  new JsonViewer(host, { label, path }).load(address);
}
document.querySelectorAll("pre[data-json]").forEach(replace);
