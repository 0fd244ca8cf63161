// Makes elements: element("p", { className: "x", dataset: { id: 1 } }, "text", otherElement, null). Names with "-" and
// `role` become attributes, the others are properties. Text stays text.
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "dataset") {
      Object.assign(made.dataset, value);
    } else if (key.includes("-") || ["role", "scope", "for"].includes(key)) {
      made.setAttribute(key, value);
    } else {
      made[key] = value;
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

// One of the symbols of the font that the admin has; it says nothing, so words stand beside it.
export function symbol(name, className = "") {
  const classes = `material-symbols-outlined ops-symbol ${className}`.trim();
  return element("span", { className: classes, "aria-hidden": "true" }, name);
}

// Writes only what is different: who reads the page aloud is not told again.
export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}
