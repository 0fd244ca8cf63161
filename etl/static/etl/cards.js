// Cards of the home and flow pages: a name, a figure that leads to its list, and what is to be said of it.

import { figure } from "./charts.js";
import { setText } from "./elements.js";

/** Shows {name, value, note?, link?, state?} as cards of the list; `state` is "good", "bad" or nothing. */
export function showCards(list, cards) {
  cards.forEach((card, place) => {
    fill(list.children[place] ?? list.appendChild(made()), card);
  });
  while (list.children.length > cards.length) {
    list.lastElementChild.remove();
  }
}

function made() {
  const item = document.createElement("li");
  item.className = "card";
  const link = document.createElement("a");
  for (const name of ["card-name", "card-value", "card-note"]) {
    const part = document.createElement("span");
    part.className = name;
    link.append(part);
  }
  item.append(link);
  return item;
}

function fill(item, card) {
  const [name, value, note] = item.firstElementChild.children;
  setText(name, card.name);
  setText(value, typeof card.value === "string" ? card.value : figure(card.value, card.unit));
  setText(note, card.note ?? "");
  item.dataset.state = card.state ?? "";
  if (card.link) {
    item.firstElementChild.setAttribute("href", card.link);
  } else {
    item.firstElementChild.removeAttribute("href");
  }
}
