// The filter of the claims ledger. Without it the page shows every row.
"use strict";

(() => {
  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function choice(name, text, first, options) {
    const select = element("select", { name }, element("option", { value: "", textContent: first }));
    for (const [value, label] of options) select.append(element("option", { value, textContent: label }));
    return element("label", {}, text, select);
  }

  function start(table) {
    const groups = [...table.querySelectorAll("tbody[data-title]")];
    const rows = [...table.querySelectorAll("tr[data-verdict]")];
    const values = (read) => [...new Set(rows.flatMap(read))].sort();
    const order = ["holds", "holds with limits", "does not hold", "not settled", "open"];
    const present = values((row) => row.dataset.verdict);
    const verdicts = order.filter((verdict) => present.includes(verdict)).map((verdict) => [verdict, verdict]);
    if (present.some((verdict) => verdict !== "open")) verdicts.unshift(["settled", "settled, any verdict"]);

    const count = element("output");
    count.setAttribute("aria-live", "polite");
    const form = element(
      "form",
      { className: "ledger-filter" },
      choice("verdict", "Verdict", "all", verdicts),
      choice("article", "Article", "all", values((row) => row.dataset.articles.split(" ")).map((name) => [name, name])),
      choice("part", "Part of the book", "all", groups.map((group, index) => [String(index), group.dataset.title])),
      element("label", {}, "Containing", element("input", { type: "search", name: "words", autocomplete: "off" })),
      element(
        "label",
        { className: "ledger-tick" },
        element("input", { type: "checkbox", name: "surprise" }),
        "not as expected",
      ),
      element("button", { type: "reset", textContent: "Show all" }),
      count,
    );
    form.setAttribute("role", "search");
    form.setAttribute("aria-label", "Filter the ledger");

    function apply() {
      const wanted = new FormData(form);
      const words = wanted.get("words").toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      groups.forEach((group, index) => {
        let inside = 0;
        for (const row of group.querySelectorAll("tr[data-verdict]")) {
          const verdict = wanted.get("verdict");
          const text = row.textContent.toLowerCase();
          const keep =
            (!verdict || verdict === row.dataset.verdict || (verdict === "settled" && row.dataset.verdict !== "open")) &&
            (!wanted.get("article") || row.dataset.articles.split(" ").includes(wanted.get("article"))) &&
            (!wanted.get("part") || wanted.get("part") === String(index)) &&
            (!wanted.get("surprise") || row.dataset.surprise === "yes") &&
            words.every((word) => text.includes(word));
          row.hidden = !keep;
          inside += keep;
        }
        group.hidden = inside === 0;
        shown += inside;
      });
      count.textContent = shown ? `${shown} of ${rows.length} statements` : "No statement matches.";
    }

    // A link from a chapter leads to a row: it is shown and opened whatever the filter says.
    function follow() {
      const row = rows.find((one) => `#${one.id}` === decodeURIComponent(location.hash));
      if (!row) return;
      if (row.hidden) {
        form.reset();
        apply();
      }
      row.querySelector("details").open = true;
      row.scrollIntoView();
    }

    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    window.addEventListener("hashchange", follow);
    table.before(form);
    apply();
    follow();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("table.ledger").forEach(start));
})();
