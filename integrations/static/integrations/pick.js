// A list of check boxes that can be searched: `<fieldset data-pick>` with `<label data-pick-name="…">`. What is ticked
// chooses "Only these" by itself. Without this script it is the same list, whole.
function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function ready(box) {
  const labels = [...box.querySelectorAll("[data-pick-name]")];
  if (!labels.length) {
    return;
  }
  const search = element("input", { type: "search", className: "connect-search", placeholder: "Search in the list" });
  search.setAttribute("aria-label", "Search in the list");
  const count = element("p", { className: "connect-quiet" });
  count.setAttribute("role", "status");

  const tell = () => {
    const words = search.value.trim().toLowerCase();
    let shown = 0;
    for (const label of labels) {
      label.hidden = !label.dataset.pickName.toLowerCase().includes(words);
      shown += label.hidden ? 0 : 1;
    }
    const ticked = labels.filter((label) => label.querySelector("input").checked).length;
    count.textContent = `${ticked} chosen, ${shown} of ${labels.length} shown`;
  };

  search.addEventListener("input", tell);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
    }
  });
  box.addEventListener("change", (event) => {
    if (event.target.name === "keys" && event.target.checked) {
      box.form.querySelector('input[name="which"][value="chosen"]').checked = true;
    }
    tell();
  });
  box.prepend(search, count);
  tell();
}

for (const box of document.querySelectorAll("[data-pick]")) {
  ready(box);
}
