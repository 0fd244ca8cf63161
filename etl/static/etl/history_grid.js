// The grid of a job's last runs, kept true.
import { poll } from "./live.js";
import { refresh } from "./morph.js";

const grid = document.getElementById("history");

// Where the connection stands is told by the page's own script.
poll(() => refresh(grid, grid.dataset.history), { seconds: 5, state: null });
