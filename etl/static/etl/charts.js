// Charts. Each has a table of the same figures beneath it, whose links are those of its points.
//
//   <link href="{% static 'etl/charts.css' %}" rel="stylesheet">, <script type="module" src="{% static 'etl/charts.js' %}">
//   <div class="chart-box"><canvas data-chart="cycle" aria-label="Cycle time"></canvas></div> {{ cycle|json_script:"cycle" }}
//
// What is drawn is {type, labels, datasets, unit?, stacked?, of?}. `type` is "line", "bar" or "scatter"; `unit` is said
// behind figures; `of` is what the labels are, for the table's first column. A dataset is {label, data, links?, type?, axis?}:
// links[i] is where a click on data[i] leads, or null, and axis "right" has it measured on the other side. Points of a
// scatter are {x, y, name} with x the place of a label, and are spread out about it. Figures that are not known are null.
//
// Pages that fetch figures import `draw` and call it with the canvas and what is to be drawn from now on.

// Told apart by people who see no red or no green, too; each readable on its background (3:1 at least).
const COLOURS = {
  light: ["#0067a5", "#b84a00", "#00785a", "#9c3f73", "#4b5563", "#7a5c00"],
  dark: ["#5cb8ee", "#f0a73a", "#3ccfa4", "#eba3cb", "#cbd5e1", "#f0e442"],
};
const INK = { light: { text: "#4b5563", lines: "#e5e7eb" }, dark: { text: "#cbd5e1", lines: "#374151" } };
const DASHES = [[], [7, 4], [2, 3], [10, 4, 2, 4], [4, 2], [1, 4]];
const MARKERS = ["circle", "triangle", "rect", "rectRot", "star", "crossRot"];
// How far from its label a point of a scatter may stand; labels are 1 apart.
const SPREAD = 0.36;
// So that neighbours stand far apart, however many there are.
const GOLDEN = 0.618034;
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

// canvas → {chart, described, text}
const drawn = new Map();

/** Shows these figures on that canvas, and in the table of it. What is the same as before is left alone. */
export function draw(canvas, described) {
  const text = JSON.stringify(described);
  const known = drawn.get(canvas);
  if (known?.text === text) {
    return;
  }
  const empty = !described.datasets.some((dataset) => dataset.data.some(Boolean));
  told(canvas, "p", "chart-empty", (note) => {
    note.textContent = "There are no figures for this time.";
    note.hidden = !empty;
  });
  canvas.hidden = empty;
  canvas.setAttribute("role", "img");
  const chart = known?.chart ?? new Chart(canvas, { type: described.type, data: { datasets: [] } });
  drawn.set(canvas, { chart, described, text });
  paint(canvas);
  tabulate(canvas, described);
}

/** A figure as people read it. */
export function figure(value, unit = "") {
  return value === null || value === undefined ? "–" : `${NUMBER.format(value)}${unit ? ` ${unit}` : ""}`;
}

function paint(canvas) {
  const { chart, described } = drawn.get(canvas);
  const theme = document.documentElement.classList.contains("dark") ? "dark" : "light";
  const scatter = described.type === "scatter";
  chart.config.type = described.type;
  chart.data = {
    labels: scatter ? undefined : described.labels,
    datasets: described.datasets.map((dataset, place) => styled(dataset, place, described, theme)),
  };
  chart.options = options(canvas, described, INK[theme]);
  chart.update("none");
}

function styled(dataset, place, described, theme) {
  const colour = COLOURS[theme][place % COLOURS[theme].length];
  const type = dataset.type ?? described.type;
  const marker = MARKERS[place % MARKERS.length];
  const scatter = described.type === "scatter";
  return {
    type,
    label: dataset.label,
    data: scatter ? placed(dataset, described.labels.length) : dataset.data,
    yAxisID: dataset.axis === "right" ? "right" : "y",
    order: type === "bar" ? 1 : 0,
    borderColor: colour,
    borderWidth: 2,
    borderDash: type === "line" ? DASHES[place % DASHES.length] : [],
    backgroundColor: type === "bar" && place > 0 ? hatched(colour, place) : colour,
    pointStyle: scatter && type === "line" ? "line" : marker,
    pointRadius: scatter && type === "line" ? 0 : 4,
    pointHoverRadius: 6,
    pointHitRadius: 10,
    maxBarThickness: 36,
    spanGaps: false,
  };
}

/** Points of a scatter side by side about their label; a line of it goes from edge to edge. */
function placed(dataset, labels) {
  if (dataset.type === "line") {
    return [{ x: -0.5, y: dataset.data[0] }, { x: labels - 0.5, y: dataset.data[0] }];
  }
  const beside = new Map();
  return dataset.data.map((point) => {
    const number = beside.get(point.x) ?? 0;
    beside.set(point.x, number + 1);
    return { ...point, x: point.x + SPREAD * (2 * ((0.5 + number * GOLDEN) % 1) - 1) };
  });
}

/** Stripes, so that bars are told apart without their colours. */
function hatched(colour, place) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  for (const from of [-8, 0, 8]) {
    pen.moveTo(from, place % 2 ? 8 : 0);
    pen.lineTo(from + 8, place % 2 ? 0 : 8);
  }
  pen.stroke();
  return pen.createPattern(tile, "repeat");
}

function options(canvas, described, ink) {
  const scatter = described.type === "scatter";
  const right = described.datasets.some((dataset) => dataset.axis === "right");
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: scatter ? "nearest" : "index", intersect: scatter },
    onHover: (event, elements) => {
      canvas.style.cursor = leading(canvas, event, elements) ? "pointer" : "";
    },
    onClick: (event, elements) => {
      const link = leading(canvas, event, elements);
      if (link) {
        location.assign(link);
      }
    },
    plugins: {
      legend: {
        display: described.datasets.length > 1,
        align: "start",
        labels: { color: ink.text, usePointStyle: true },
      },
      tooltip: {
        callbacks: {
          title: (items) => items[0]?.raw?.name ?? items[0]?.label ?? "",
          label: (item) => `${item.dataset.label}: ${figure(item.parsed.y, unitOf(described, item.datasetIndex))}`,
        },
      },
    },
    scales: {
      x: scatter ? places(described.labels, ink) : { ...axis(ink), stacked: Boolean(described.stacked), grid: { display: false } },
      y: { ...axis(ink, described.unit), stacked: Boolean(described.stacked), beginAtZero: true, title: titled(described.unit, ink) },
      ...(right ? { right: { ...axis(ink), position: "right", beginAtZero: true, grid: { display: false } } } : {}),
    },
  };
}

/** The unit of a dataset's figures: that on the left is the chart's own. */
function unitOf(described, place) {
  const dataset = described.datasets[place];
  return dataset.unit ?? (dataset.axis === "right" ? "" : (described.unit ?? ""));
}

/** Without a unit figures count something: there are no halves of it. */
function axis(ink, unit = "") {
  return { ticks: { color: ink.text, ...(unit ? {} : { precision: 0 }) }, grid: { color: ink.lines }, border: { color: ink.lines } };
}

function titled(unit, ink) {
  return { display: Boolean(unit), text: unit, color: ink.text };
}

function places(labels, ink) {
  return {
    ...axis(ink),
    type: "linear",
    min: -0.5,
    max: labels.length - 0.5,
    grid: { display: false },
    afterBuildTicks: (scale) => {
      scale.ticks = labels.map((_, value) => ({ value }));
    },
    ticks: { color: ink.text, autoSkip: false, callback: (value) => labels[value] },
  };
}

/** Where the point leads that is nearest to the event; undefined where it leads nowhere. */
function leading(canvas, event, elements) {
  const { chart, described } = drawn.get(canvas);
  const near = chart.getElementsAtEventForMode(event.native ?? event, "nearest", { intersect: false }, false)[0];
  if (!elements.length || !near) {
    return undefined;
  }
  return described.datasets[near.datasetIndex].links?.[near.index] ?? undefined;
}

// The table

function tabulate(canvas, described) {
  told(canvas, "details", "chart-figures", (details) => {
    details.querySelector("summary") ?? details.append(element("summary", "Figures"));
    details.querySelector("div")?.remove();
    const box = element("div");
    box.className = "chart-scroll";
    box.append(described.type === "scatter" ? tableOfPoints(canvas, described) : tableOfLabels(canvas, described));
    details.append(box);
  });
}

function tableOfLabels(canvas, described) {
  const rows = described.labels.map((label, place) => [
    heading(label, "row"),
    ...described.datasets.map((dataset, number) =>
      cell(figure(dataset.data[place], unitOf(described, number)), dataset.links?.[place]),
    ),
  ]);
  return table(canvas, [described.of ?? "", ...described.datasets.map((dataset) => dataset.label)], rows);
}

function tableOfPoints(canvas, described) {
  const rows = described.datasets.flatMap((dataset) =>
    dataset.type === "line"
      ? [[heading(dataset.label, "row"), cell(""), cell(figure(dataset.data[0], described.unit))]]
      : dataset.data.map((point, place) => [
          heading(point.name, "row", dataset.links?.[place]),
          cell(described.labels[point.x]),
          cell(figure(point.y, described.unit)),
        ]),
  );
  const points = described.datasets.find((dataset) => dataset.type !== "line");
  return table(canvas, ["", described.of ?? "", points?.label ?? ""], rows);
}

function table(canvas, names, rows) {
  const made = element("table");
  made.append(element("caption", canvas.getAttribute("aria-label") ?? ""));
  const head = made.createTHead().insertRow();
  head.append(...names.map((name) => heading(name, "col")));
  const body = made.createTBody();
  for (const cells of rows) {
    body.insertRow().append(...cells);
  }
  return made;
}

function heading(text, scope, link) {
  const made = cell(text, link, "th");
  made.scope = scope;
  return made;
}

function cell(text, link, tag = "td") {
  const made = element(tag);
  if (link) {
    const anchor = element("a", text);
    anchor.href = link;
    made.append(anchor);
  } else {
    made.textContent = text;
  }
  return made;
}

/** What stands behind the canvas's box by that class, made where it is not there yet. */
function told(canvas, tag, name, tell) {
  const box = canvas.closest(".chart-box");
  let found = box.parentElement.querySelector(`:scope > .${name}`);
  if (!found) {
    found = element(tag);
    found.className = name;
    (box.parentElement.querySelector(":scope > .chart-empty") ?? box).after(found);
  }
  tell(found);
}

function element(tag, text) {
  const made = document.createElement(tag);
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

new MutationObserver(() => [...drawn.keys()].forEach(paint)).observe(document.documentElement, { attributeFilter: ["class"] });

for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
  const described = document.getElementById(canvas.dataset.chart);
  if (described) {
    draw(canvas, JSON.parse(described.textContent));
  }
}
