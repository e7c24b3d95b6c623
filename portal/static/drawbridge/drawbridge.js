// Theme before first paint, the theme button, and what to say while the server cannot be reached.
(() => {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("drawbridge-theme");
    } catch {
      return null;
    }
  };
  const current = () => chosen() || (system.matches ? "dark" : "light");
  const show = () => {
    root.setAttribute("data-bs-theme", current());
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.hidden = false;
      button.setAttribute("aria-pressed", String(current() === "dark"));
    }
  };

  show();
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = current() === "dark" ? "light" : "dark";
    try {
      // Choosing what the system says anyway means: follow the system again.
      if (next === (system.matches ? "dark" : "light")) localStorage.removeItem("drawbridge-theme");
      else localStorage.setItem("drawbridge-theme", next);
    } catch {
      root.setAttribute("data-bs-theme", next);
      return;
    }
    show();
  });

  // A log that grows keeps its end in view, unless the reader has scrolled up.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const log = event.target.closest && event.target.closest(".log");
    if (log) log.dataset.follow = String(log.scrollHeight - log.scrollTop - log.clientHeight < 48);
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const log of document.querySelectorAll('.log[data-follow="true"]')) log.scrollTop = log.scrollHeight;
  });

  const connection = (lost) => {
    const notice = document.querySelector("[data-connection]");
    if (notice) notice.hidden = !lost;
  };
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, () => connection(true));
  }
  document.addEventListener("htmx:afterOnLoad", () => connection(false));
})();
