// Cards of the home and flow pages: a name, a figure that leads to its list, and what is to be said of it.

import { figure } from "./charts.js";

/** Shows {name, value, note?, link?, state?} as cards of the list; `state` is "good", "bad" or nothing. */
export function showCards(list, cards) {
  cards.forEach((card, place) => {
    fill(list.children[place] ?? list.appendChild(made()), card);
  });
  while (list.children.length > cards.length) {
    list.lastElementChild.remove();
  }
}

/** Sets the text of an element, only where it is another one: what is selected or focused stays so. */
export function say(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
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
  say(name, card.name);
  say(value, typeof card.value === "string" ? card.value : figure(card.value, card.unit));
  say(note, card.note ?? "");
  item.dataset.state = card.state ?? "";
  if (card.link) {
    item.firstElementChild.setAttribute("href", card.link);
  } else {
    item.firstElementChild.removeAttribute("href");
  }
}
