// Fetches, reads and searches an answer beside the page, which goes on meanwhile.
import { indexJson, search } from "./json_index.js";

let [text, nodes] = ["", null];

addEventListener("message", async ({ data }) => {
  try {
    if (data.words !== undefined) {
      postMessage({ asked: data.asked, hits: search(nodes, text, data.words) });
    } else {
      await open(data.address);
    }
  } catch (error) {
    postMessage({ error: error.message });
  }
});

async function open(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (response.redirected || !response.ok) {
    throw new Error(response.redirected ? "your session has ended, log in again" : `the server answers ${response.status}`);
  }
  text = await response.text();
  nodes = indexJson(text);
  // Searches need them here too.
  const copied = Object.entries(nodes).map(([name, numbers]) => [name, numbers.slice?.() ?? numbers]);
  const copies = Object.fromEntries(copied);
  const moved = Object.values(copies).filter((numbers) => numbers.buffer);
  postMessage({ text, nodes: copies }, moved.map((numbers) => numbers.buffer));
}
