"use strict";

// Without this script the tables are complete and ranked; with it they sort by any column and can be searched.
(function () {
  const collator = new Intl.Collator(undefined, { numeric: true });

  function button(header, index, sort) {
    const made = document.createElement("button");
    made.type = "button";
    made.append(...header.childNodes);
    made.addEventListener("click", function () { sort(header, index); });
    header.append(made);
  }

  function key(cell, type) {
    if (type === "number") {
      return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
    }
    const text = cell.dataset.v ?? cell.querySelector("bdi")?.textContent ?? cell.textContent;
    return text.trim() || null;
  }

  function compare(left, right) {
    return typeof left === "number" ? left - right : collator.compare(left, right);
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const headers = Array.from(table.tHead.rows[0].cells);
    const ranked = Array.from(body.rows);

    function sort(header, index) {
      const was = header.getAttribute("aria-sort");
      const opposite = was === "ascending" ? "descending" : "ascending";
      const order = was ? opposite : header.dataset.first || "ascending";
      const sign = order === "ascending" ? 1 : -1;
      const keyed = ranked.map(function (row) { return [key(row.cells[index], header.dataset.type), row]; });
      const known = keyed.filter(function (pair) { return pair[0] !== null; });
      // What has no value stays last in both directions; equal values stay in the order of their ranks.
      const unknown = keyed.filter(function (pair) { return pair[0] === null; });
      known.sort(function (left, right) { return sign * compare(left[0], right[0]); });
      headers.forEach(function (other) { other.removeAttribute("aria-sort"); });
      header.setAttribute("aria-sort", order);
      body.replaceChildren(...known.concat(unknown).map(function (pair) { return pair[1]; }));
    }

    headers.forEach(function (header, index) { button(header, index, sort); });
    if (ranked.length > 15) {
      searchable(table, ranked);
    }
  }

  function searchable(table, rows) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("output");
    input.type = "search";
    label.append("Find a submission", input);
    const names = rows.map(function (row) { return row.querySelector("th").textContent.toLowerCase(); });
    input.addEventListener("input", function () {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      rows.forEach(function (row, at) {
        row.hidden = !names[at].includes(wanted);
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = wanted ? `${shown} of ${rows.length}` : "";
    });
    const line = document.createElement("p");
    line.className = "find";
    line.append(label, count);
    table.parentElement.before(line);
  }

  document.querySelectorAll("table[data-sortable]").forEach(sortable);
})();
