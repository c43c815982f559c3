/* SPDX-License-Identifier: GPL-2.0-only */
"use strict";
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const data = JSON.parse(one("#data").textContent);

  // -- theme: the system's, unless one is chosen; kept where the browser lets us
  const themes = ["auto", "light", "dark"];
  const stored = () => {
    try {
      return localStorage.getItem("lp-theme");
    } catch {
      return null; // files may have no storage
    }
  };
  const setTheme = (name) => {
    document.documentElement.dataset.theme = name;
    one("#theme span").textContent = name;
    try {
      localStorage.setItem("lp-theme", name);
    } catch {
      // then it is for this visit only
    }
  };
  const nextTheme = () => {
    const now = document.documentElement.dataset.theme || "auto";
    setTheme(themes[(themes.indexOf(now) + 1) % themes.length]);
  };
  setTheme(themes.includes(stored()) ? stored() : "auto");
  one("#theme").addEventListener("click", nextTheme);

  // -- runs
  const tabs = all('[role="tab"]');
  const choose = (tab) => {
    for (const other of tabs) {
      const selected = other === tab;
      other.setAttribute("aria-selected", String(selected));
      other.tabIndex = selected ? 0 : -1;
      one(`#${CSS.escape(other.getAttribute("aria-controls"))}`).hidden = !selected;
    }
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) {
        const next = tabs[(index + step + tabs.length) % tabs.length];
        choose(next);
        next.focus();
        event.preventDefault();
      }
    });
  });

  // -- functions and files
  const find = one("#find");
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = Object.fromEntries(
      all("#states input").map((box) => [box.value, box.checked]),
    );
    let shown = 0;
    for (const file of all("#functions details")) {
      const name = file.dataset.file.toLowerCase();
      let here = 0;
      for (const item of all("li", file)) {
        const text = `${name} ${item.dataset.name.toLowerCase()}`;
        const keep =
          states[item.dataset.kind] &&
          (!states.hits || item.dataset.hits !== "0") &&
          words.every((word) => text.includes(word));
        item.hidden = !keep;
        here += keep ? 1 : 0;
      }
      file.hidden = !here;
      shown += here;
    }
    one("#none").hidden = shown > 0;
  };
  if (find) {
    find.addEventListener("input", filter);
    one("#states").addEventListener("change", filter);
    find.addEventListener("keydown", (event) => {
      const first = all("#functions li").find((item) => !item.hidden);
      if ((event.key === "Enter" || event.key === "ArrowDown") && first) {
        one("a", first)[event.key === "Enter" ? "click" : "focus"]();
        event.preventDefault();
      }
    });
  }

  // -- what a link leads to is unfolded and marked
  const arrive = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    all(".l.here").forEach((line) => line.classList.remove("here"));
    if (!target) return;
    const fold = target.closest("details");
    if (fold && !fold.open) fold.open = true;
    if (target.classList.contains("l")) {
      target.classList.add("here");
      target.scrollIntoView({ block: "center" });
    }
  };
  addEventListener("hashchange", arrive);
  arrive();

  // -- the path of a class
  const path = one("#path");
  const showPath = (button) => {
    const on = button && button.getAttribute("aria-pressed") === "false";
    all(".show").forEach((other) => other.setAttribute("aria-pressed", "false"));
    const arms = new Set(on ? data.classes[button.dataset.class].map(String) : []);
    document.body.classList.toggle("pathed", Boolean(on));
    for (const line of all(".l[data-a]")) {
      line.classList.toggle("taken", arms.has(line.dataset.a));
    }
    path.hidden = !on;
    if (on) {
      button.setAttribute("aria-pressed", "true");
      one("span", path).textContent = `The source shows the path of ${button.dataset.label}.`;
    }
  };
  all(".show").forEach((button) => button.addEventListener("click", () => showPath(button)));
  one("button", path).addEventListener("click", () => showPath(null));

  // -- tables that can be sorted
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((head, column) => {
      if (!head.textContent) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") === "descending";
        all("th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => {
          const cell = row.cells[column];
          return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
        };
        const order = (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
        const rows = [...table.tBodies[0].rows].sort(order);
        table.tBodies[0].append(...(up ? rows : rows.reverse()));
      });
    });
  }

  // -- keys
  const help = one("#help");
  one("#keys").addEventListener("click", () => help.showModal());
  const go = (places, step) => {
    if (!places.length) return;
    const current = places.findIndex((place) => `#${place.id}` === location.hash);
    const from = current < 0 ? (step > 0 ? -1 : 0) : current;
    location.hash = places[(from + step + places.length) % places.length].id;
  };
  const actions = {
    "/": () => find && find.focus(),
    n: () => go(all(".l.left"), 1),
    p: () => go(all(".l.left"), -1),
    j: () => go(all("main > section[id]"), 1),
    k: () => go(all("main > section[id]"), -1),
    t: nextTheme,
    "?": () => help.showModal(),
    Escape: () => {
      if (find) {
        find.value = "";
        filter();
        find.blur();
      }
      showPath(null);
    },
  };
  addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (typing && event.key !== "Escape") return;
    const action = actions[event.key];
    if (action) {
      action();
      event.preventDefault();
    }
  });
})();
