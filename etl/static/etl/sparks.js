// Small charts of figures as they change while the page is open: `<span data-series="name" data-value="7">` in a part
// that fresh.js keeps up to date. The figure itself stands beside it as text; the chart says nothing of its own.
import "./fresh.js";

// Of 5 s each: five minutes.
const KEPT = 60;
const WIDTH = 60;
const HEIGHT = 18;
const SVG = "http://www.w3.org/2000/svg";

// name → figures, the newest last; null is not known.
const series = new Map();

function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

function note(place) {
  const figures = series.get(place.dataset.series) ?? [];
  figures.push(place.dataset.value === "" ? null : Number(place.dataset.value));
  series.set(place.dataset.series, figures.slice(-KEPT));
}

// The newest at the right, 0 at the bottom; gaps where nothing is known.
function path(figures, highest) {
  const x = (number) => WIDTH - 2 - (figures.length - 1 - number) * ((WIDTH - 4) / (KEPT - 1));
  const y = (figure) => HEIGHT - 2 - (figure / highest) * (HEIGHT - 4);
  let isOn = false;
  const steps = figures.map((figure, number) => {
    const step = figure === null ? "" : `${isOn ? "L" : "M"}${x(number).toFixed(1)} ${y(figure).toFixed(1)}`;
    isOn = figure !== null;
    return step;
  });
  const last = figures.at(-1);
  return { line: steps.join(""), end: last === null ? null : [x(figures.length - 1), y(last)] };
}

function draw(place) {
  const figures = series.get(place.dataset.series);
  const { line, end } = path(figures, Math.max(1, ...figures));
  const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true", focusable: "false" });
  picture.setAttribute("preserveAspectRatio", "none");
  picture.append(drawn("path", { d: line, class: "spark-line", "vector-effect": "non-scaling-stroke" }));
  if (end) {
    picture.append(drawn("path", { d: `M${end[0]} ${end[1]}l0 0`, class: "spark-end", "vector-effect": "non-scaling-stroke" }));
  }
  place.replaceChildren(picture);
}

function show(part) {
  for (const place of part.querySelectorAll("[data-series]")) {
    note(place);
    draw(place);
  }
}

for (const part of document.querySelectorAll("[data-fresh]")) {
  show(part);
  part.addEventListener("fresh", () => show(part));
}
