// The admin's pages under a content security policy that lets no script be made of text. Alpine's build for it reads
// expressions itself: only single ones, in which no globals are known. So what unfold's templates say besides stands here.
window.addEventListener("alpine:init", () => {
  // attribute, how its text begins, what stands in its place
  const said = [
    ["x-on:focus", "openSearchResults = true;", "openSearch()"],
    ["x-on:keydown.escape.prevent", "openSearchResults = false;", "leaveSearch()"],
    ["x-on:keydown.enter.prevent", "if (!$event.metaKey", "selectByEnter($event)"],
  ];
  for (const [attribute, beginning, call] of said) {
    for (const element of document.querySelectorAll(`[${CSS.escape(attribute)}]`)) {
      if (element.getAttribute(attribute).startsWith(beginning)) {
        element.setAttribute(attribute, call);
      }
    }
  }

  document.getElementById("content")?.setAttribute("role", "main");
  Alpine.data("theme", theme);
  Alpine.data("searchForm", searchForm);
  Alpine.data("searchDropdown", () => ({
    ...searchDropdown(),
    openSearch() {
      this.openSearchResults = true;
      this.currentIndex = 0;
    },
    leaveSearch() {
      const box = this.$refs.searchInput;
      this.openSearchResults = false;
      if (box.value === "") {
        box.blur();
      }
      box.value = "";
    },
  }));
  Alpine.data("searchCommand", () => ({
    ...searchCommand(),
    selectByEnter(event) {
      if (!event.metaKey && !event.ctrlKey) {
        this.selectItem(false, false);
      }
    },
  }));
  Alpine.data("pulseShell", () => ({
    activeTab: "",
    sidebarMobileOpen: false,
    sidebarDesktopOpen: localStorage.getItem("sidebarDesktopOpen") !== "0",
    window: { location: { pathname: location.pathname, search: location.search } },
    init() {
      const first = this.$el.dataset.activeTab;
      this.activeTab = first === undefined ? "" : getCurrentTab() || first;
      this.$watch("sidebarDesktopOpen", (open) => localStorage.setItem("sidebarDesktopOpen", open ? "1" : "0"));
      this.$watch("sidebarMobileOpen", (open) => this.$nextTick(() => focusMenu(open)));
      document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") {
          this.sidebarMobileOpen = false;
        }
      });
    },
  }));
});

// A form goes off once: the second click of a double click, or of somebody who waits, does it no second time.
const ONCE_MILLISECONDS = 5_000;
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") {
    return;
  }
  if (Date.now() - Number(form.dataset.sentAt ?? 0) < ONCE_MILLISECONDS) {
    event.preventDefault();
  } else {
    form.dataset.sentAt = String(Date.now());
  }
});

// On narrow screens the menu lies over the page: the keyboard goes into it, and back to its button.
function focusMenu(open) {
  document.querySelector(open ? "#nav-sidebar a" : "[x-bind\\:aria-expanded=sidebarMobileOpen]")?.focus();
}

// It would add a style element of its own, and make scripts of attributes.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;

// A box of select2's is named by what is chosen in it alone: nothing, where nothing is.
function nameBox(container) {
  const label = container.previousElementSibling?.labels?.[0];
  const box = container.querySelector(".select2-selection");
  if (label && box) {
    label.id ||= `${container.previousElementSibling.id}-label`;
    box.setAttribute("aria-labelledby", `${label.id} ${box.getAttribute("aria-labelledby") ?? ""}`.trim());
    box.querySelector("[role=textbox]")?.setAttribute("aria-labelledby", label.id);
  }
}

new MutationObserver((changes) => {
  for (const added of changes.flatMap((change) => [...change.addedNodes])) {
    if (added instanceof Element && added.matches(".select2-container")) {
      nameBox(added);
    }
  }
}).observe(document, { childList: true, subtree: true });
