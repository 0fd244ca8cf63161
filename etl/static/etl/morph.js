// Makes a part of the page what the server says it is now, and touches nothing else: the focus, what is selected, what
// is folded open and how far it is scrolled stay. The server's own pages are the only ones that may be taken so.
//
//   import { refresh } from "./morph.js";
//   await refresh(document.getElementById("run-parts"), "/admin/…/parts/");
//
// `data-key` or an id says which element is which among its siblings. `data-keep` and what is in it are a script's
// business, as is what is in `data-series`; `data-known` says that nothing changed in it.
import { Refused, getPage } from "./api.js";

// What the person decides, not the server.
const OF_PEOPLE = { DETAILS: ["open"], DIALOG: ["open"], INPUT: ["value", "checked"], SELECT: ["value"] };
const ofPeople = (element) => (element.type === "hidden" ? [] : (OF_PEOPLE[element.nodeName] ?? []));

const keyOf = (node) => node.dataset?.key ?? node.id ?? "";
const alike = (one, other) => one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

function sameAttributes(old, fresh) {
  const kept = ofPeople(old);
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept.includes(name)) {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of fresh.attributes) {
    if (!kept.includes(name) && old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
    }
  }
}

/** The next old node that is what is wanted. None that is still to come is passed over on the way. */
function next(place, wanted, coming) {
  let found = place;
  while (found && !alike(found, wanted)) {
    if (coming.has(keyOf(found))) {
      return null;
    }
    found = found.nextSibling;
  }
  return found;
}

function removeUpTo(place, end) {
  while (place !== end) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}

/** The old element gets the children that the fresh one has. */
export function sameChildren(old, fresh) {
  const coming = new Set([...fresh.childNodes].map(keyOf).filter(Boolean));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    coming.delete(keyOf(wanted));
    const found = next(place, wanted, coming);
    if (found) {
      removeUpTo(place, found);
      place = found.nextSibling;
      morph(found, wanted);
    } else {
      old.insertBefore(document.adoptNode(wanted), place);
    }
  }
  removeUpTo(place, null);
}

/** The old node becomes what the fresh one is. */
function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) {
      old.data = fresh.data;
    }
    return;
  }
  if (fresh.hasAttribute("data-known") || old.hasAttribute("data-keep")) {
    return;
  }
  sameAttributes(old, fresh);
  if (!old.hasAttribute("data-series")) {
    sameChildren(old, fresh);
  }
}

/** Whether somebody is being asked something: they are about to answer about what they see. */
export const isAsked = () => document.querySelector("dialog[open]") !== null;

/** Asks the server for the part, which has its id there. Throws Refused. */
export async function refresh(part, address) {
  const read = (await getPage(address)).getElementById(part.id);
  if (!read) {
    throw new Refused("The server answered with another page", 200);
  }
  if (!isAsked()) {
    morph(part, read);
  }
}
