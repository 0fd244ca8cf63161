// Time lines: what is pointed at, or has the focus, is told in words; a metric shows what it was computed from.
const counted = "is-counted";

function told(line) {
  const place = line.querySelector("[data-told]");
  const tell = (event) => {
    const span = event.target.closest("[data-span]");
    if (span) {
      place.textContent = span.getAttribute("aria-label");
    }
  };
  line.addEventListener("pointerover", tell);
  line.addEventListener("focusin", tell);
  line.addEventListener("click", tell);
}

function show(figure) {
  const wanted = new Set(figure?.dataset.stays.split(" ") ?? []);
  const statuses = document.querySelector("[data-time-line] svg");
  for (const span of statuses?.querySelectorAll("[data-span]") ?? []) {
    span.classList.toggle(counted, wanted.has(span.dataset.span));
  }
  statuses?.classList.toggle("is-telling", wanted.size > 0 && !wanted.has(""));
}

document.querySelectorAll("[data-time-line]").forEach(told);
for (const figure of document.querySelectorAll("[data-stays]")) {
  figure.addEventListener("pointerenter", () => show(figure));
  figure.addEventListener("pointerleave", () => show(null));
  figure.addEventListener("focusin", () => show(figure));
  figure.addEventListener("focusout", () => show(null));
}
