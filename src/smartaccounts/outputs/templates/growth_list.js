"use strict";
(() => {
  const { language, words, attributes, listed, columns, levels } = JSON.parse(document.getElementById("rows").textContent);
  const size = columns.rank.length, perPage = 50;
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const percent = [0, 1].map((digits) => new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }));
  const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => whole.format(values[key]));
  const value = (name, i) => (levels[name] ? levels[name][columns[name][i]] ?? null : columns[name][i]);
  const shown = (name, i) => {
    const v = name === "name" ? columns.name[i] ?? columns.customer_id[i] : value(name, i);
    if (v === null || v === undefined) return "\u2013";
    if (name === "probability") return percent[v >= 0.1 ? 0 : 1].format(v);
    return typeof v === "number" ? whole.format(v) : v;
  };
  const haystack = columns.name.map((name, i) => `${name ?? ""}\n${columns.customer_id[i]}`.toLowerCase());

  // The place of each row by a column: texts are collated once, nulls come last either way.
  const keys = {};
  const key = (name) => (keys[name] ??= made(name));
  function made(name) {
    const source = levels[name] || name !== "name" ? columns[name] : columns.name.map((n, i) => n ?? columns.customer_id[i]);
    if (levels[name] || name !== "name") return source; // levels are in order
    const order = Array.from(source.keys()).sort((a, b) => collator.compare(source[a], source[b]));
    const place = new Array(size);
    order.forEach((i, at) => { place[i] = at; });
    return place;
  }
  function sorted(rows, name, down) {
    if (name === "rank" && !down) return rows; // as they come
    const by = key(name), sign = down ? -1 : 1, rank = columns.rank;
    const nothing = (v) => v === null || v === undefined;
    return rows.slice().sort((a, b) => (nothing(by[a]) - nothing(by[b])) || sign * (by[a] - by[b]) || rank[a] - rank[b]);
  }

  function view(root, rows, draw) {
    const search = root.querySelector("[data-search]"), fresh = root.querySelector("[data-new]"), count = root.querySelector("[data-count]");
    const facets = [...root.querySelectorAll("[data-facet]")], reset = root.querySelector("[data-reset]");
    let by = "rank", down = false;
    for (const facet of facets) {
      const name = facet.dataset.facet, used = new Set(rows.map((i) => columns[name][i]));
      levels[name].forEach((text, at) => { if (used.has(at)) facet.add(new Option(text.length > 40 ? `${text.slice(0, 39)}\u2026` : text, at)); });
    }
    function apply() {
      const wanted = search.value.trim().toLowerCase();
      const chosen = facets.filter((f) => f.value !== "").map((f) => [columns[f.dataset.facet], Number(f.value)]);
      if (fresh?.checked) chosen.push([columns.status, levels.status.indexOf("new")]);
      const fit = rows.filter((i) => chosen.every(([of, v]) => of[i] === v) && (!wanted || haystack[i].includes(wanted)));
      reset.hidden = !wanted && !chosen.length;
      count.textContent = fit.length ? fill(words["filter.count"], { shown: fit.length, all: rows.length }) : words["filter.none"];
      draw(sorted(fit, by, down));
    }
    search.addEventListener("input", apply);
    for (const control of [...facets, fresh]) control?.addEventListener("change", apply);
    reset.addEventListener("click", () => {
      search.value = "";
      for (const facet of facets) facet.value = "";
      if (fresh) fresh.checked = false;
      apply();
      search.focus();
    });
    for (const button of root.querySelectorAll("[data-sort]")) button.addEventListener("click", () => {
      const name = button.dataset.sort, numbers = !["rank", "name", "play"].includes(name);
      down = by === name ? !down : numbers; // what is asked of numbers is the largest
      by = name;
      for (const other of root.querySelectorAll("[data-sort]")) {
        const on = other === button, head = other.closest("th");
        if (head && on) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else if (head) head.removeAttribute("aria-sort");
        else other.setAttribute("aria-pressed", on);
        other.toggleAttribute("data-down", on && down);
      }
      apply();
    });
    apply();
  }

  function accounts(root) {
    const list = root.querySelector("[data-rows]"), items = [...list.children];
    view(root, Array.from({ length: listed }, (_, i) => i), (rows) => {
      const on = new Set(rows);
      items.forEach((item, i) => { item.hidden = !on.has(i); });
      list.append(...rows.map((i) => items[i]));
    });
    for (const button of root.querySelectorAll("[data-open]")) button.addEventListener("click", () => {
      for (const item of items) if (!item.hidden || !button.dataset.open) item.firstElementChild.open = Boolean(button.dataset.open);
    });
    const open = () => {
      const target = location.hash.length > 1 && items.find((item) => `#${item.id}` === location.hash);
      if (!target) return;
      if (target.hidden) root.querySelector("[data-reset]").click();
      target.firstElementChild.open = true;
      target.querySelector("summary").focus({ preventScroll: true });
      target.scrollIntoView();
    };
    addEventListener("hashchange", open);
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#a"]');
      if (link && link.getAttribute("href") === location.hash) open(); // the same account again
    });
    open();
  }

  function table(root, rows) {
    const body = root.querySelector("tbody"), names = [...root.querySelectorAll("th")].map((th) => th.dataset.column);
    const [back, next] = root.querySelectorAll("[data-page]"), where = root.querySelector("[data-where]");
    let fit = [], first = 0;
    function cell(name, i) {
      const td = document.createElement("td");
      if (name !== "name") {
        td.className = name === "play" ? "text" : "num";
        td.textContent = shown(name, i);
        return td;
      }
      const bold = document.createElement("bdi"), small = document.createElement("small");
      td.className = "who";
      bold.className = "name";
      bold.textContent = shown("name", i);
      const more = attributes.filter((n) => levels[n]).map((n) => value(n, i));
      small.textContent = [columns.name[i] === null ? null : columns.customer_id[i], ...more].filter(Boolean).join(" \u00b7 ");
      td.append(bold, small);
      return td;
    }
    function draw() {
      const page = fit.slice(first, first + perPage);
      body.replaceChildren(...page.map((i) => {
        const tr = document.createElement("tr");
        tr.append(...names.map((name) => cell(name, i)));
        return tr;
      }));
      back.disabled = first === 0;
      next.disabled = first + perPage >= fit.length;
      where.textContent = fit.length ? fill(words["pager.page"], { from: first + 1, to: first + page.length, all: fit.length }) : "";
    }
    back.addEventListener("click", () => { first -= perPage; draw(); });
    next.addEventListener("click", () => { first += perPage; draw(); });
    view(root, rows, (found) => { fit = found; first = 0; draw(); });
  }

  const others = Array.from({ length: size - listed }, (_, i) => i + listed);
  for (const root of document.querySelectorAll("[data-view]")) {
    if (root.dataset.view === "listed") accounts(root);
    else table(root, root.dataset.view === "kept" ? others.filter((i) => columns.keep_small[i]) : others);
  }
  document.documentElement.dataset.ready = "";
})();
