"use strict";

// Without this script the tables are complete and ranked; with it they sort by any column and can be searched.
(function () {
  const collator = new Intl.Collator(undefined, { numeric: true });
  let searched = ""; // what is searched for
  let order = null; // the column and the direction that were chosen

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
      order = { index: index, way: was ? opposite : header.dataset.first || "ascending" };
      arrange(header, index, order.way);
    }

    function arrange(header, index, way) {
      const sign = way === "ascending" ? 1 : -1;
      const keyed = ranked.map(function (row) { return [key(row.cells[index], header.dataset.type), row]; });
      const known = keyed.filter(function (pair) { return pair[0] !== null; });
      // What has no value stays last in both directions; equal values stay in the order of their ranks.
      const unknown = keyed.filter(function (pair) { return pair[0] === null; });
      known.sort(function (left, right) { return sign * compare(left[0], right[0]); });
      headers.forEach(function (other) { other.removeAttribute("aria-sort"); });
      header.setAttribute("aria-sort", way);
      body.replaceChildren(...known.concat(unknown).map(function (pair) { return pair[1]; }));
    }

    headers.forEach(function (header, index) { button(header, index, sort); });
    if (order !== null) {
      arrange(headers[order.index], order.index, order.way);
    }
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
    function find() {
      const wanted = input.value.trim().toLowerCase();
      searched = input.value;
      let shown = 0;
      rows.forEach(function (row, at) {
        row.hidden = !names[at].includes(wanted);
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = wanted ? `${shown} of ${rows.length}` : "";
    }
    input.addEventListener("input", find);
    const line = document.createElement("p");
    line.className = "find";
    line.append(label, count);
    table.parentElement.before(line);
    if (searched) {
      input.value = searched;
      find();
    }
  }

  function begin() {
    document.querySelectorAll("table[data-sortable]").forEach(sortable);
  }

  begin();
  // A page on a server shows itself anew, by another script: its tables are others then, sorted and searched as before.
  document.addEventListener("renewed", begin);
})();
