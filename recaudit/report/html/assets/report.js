"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Theme: the system's until the reader chooses. Files opened from disk may have no storage.
  const root = document.documentElement;
  const stored = {
    get() { try { return localStorage.getItem("recaudit-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("recaudit-theme", value); } catch { /* only this visit */ } },
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const showTheme = () => $("theme").setAttribute("aria-pressed", String(isDark()));
  const chosen = stored.get();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  $("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored.set(root.dataset.theme);
    showTheme();
  });
  system.addEventListener("change", showTheme);
  showTheme();

  // Charts: a mark says its numbers when pointed at; with the arrow keys when the chart has the focus.
  const say = $("say");
  const large = $("large");
  let pointed = null;
  const hide = () => {
    say.classList.remove("shown");
    if (pointed) pointed.classList.remove("pointed");
    pointed = null;
  };
  const point = (mark, x, y) => {
    if (mark !== pointed) {
      hide();
      pointed = mark;
      mark.classList.add("pointed");
      say.textContent = mark.dataset.say;
      (large.open ? large : document.body).append(say); // a dialog covers what is outside it
    }
    const box = say.getBoundingClientRect();
    say.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - box.width - 8))}px`;
    say.style.top = `${y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18}px`;
    say.classList.add("shown");
  };
  document.addEventListener("pointermove", (event) => {
    const mark = event.target instanceof Element ? event.target.closest("[data-say]") : null;
    if (mark) point(mark, event.clientX, event.clientY);
    else if (pointed) hide();
  });
  for (const plot of all(".plot")) {
    let at = -1;
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      // A control's tick and its point say the same: one stop for both.
      const marks = [...new Map(all("[data-say]", plot).map((mark) => [mark.dataset.say, mark])).values()];
      if (!marks.length) return;
      event.preventDefault();
      at = at < 0 ? 0 : (at + step + marks.length) % marks.length;
      const box = marks[at].getBoundingClientRect();
      point(marks[at], box.right, box.bottom);
    });
    plot.addEventListener("blur", hide);
  }
  addEventListener("scroll", hide, { passive: true });

  // Enlarged charts: the same drawing in a dialog.
  for (const button of all(".enlarge")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const close = document.createElement("button");
      close.type = "button";
      close.textContent = "Close";
      close.addEventListener("click", () => large.close());
      large.replaceChildren(close, button.closest("figure").querySelector("svg").cloneNode(true));
      large.showModal();
    });
  }

  // Latents: every word must be found in a card.
  const find = $("find");
  if (find) {
    const cards = all(".cards > li");
    const search = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const card of cards) {
        card.hidden = !words.every((word) => card.dataset.words.includes(word));
        shown += card.hidden ? 0 : 1;
      }
      $("found").textContent = words.length ? `${shown} of ${cards.length}` : "";
    };
    find.addEventListener("input", search);
  }

  // Tables: all open or all closed.
  $("expand").addEventListener("click", () => {
    const open = $("expand").getAttribute("aria-pressed") !== "true";
    for (const table of all("details.behind")) table.open = open;
    $("expand").setAttribute("aria-pressed", String(open));
    $("expand").textContent = open ? "Close tables" : "Open all tables";
  });

  // Contents: where the reader is.
  const links = new Map(all(".contents a").map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const id of links.keys()) if ($(id)) watch.observe($(id));

  // Milliseconds from opening the page until it answers; benchmarks/report.py reads it.
  root.dataset.ready = String(Math.round(performance.now()));
})();
