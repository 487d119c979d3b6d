"use strict";

// Without this script pages are complete and have to be reloaded; with it they show what has changed by themselves.
(function () {
  let seen = null;
  let wanted = false;
  let busy = false;

  // What somebody types is not taken away; what is searched for and sorted by, table.js keeps.
  function inUse() {
    const field = document.activeElement;
    const typed = Array.from(document.querySelectorAll("main form input, main form textarea")).some(function (one) {
      return one.type !== "hidden" && one.value !== one.defaultValue;
    });
    return typed || (field !== null && field.closest("main form") !== null);
  }

  function reachable() {
    return Array.from(document.querySelectorAll("main a, main button, main input, main [tabindex]"));
  }

  // Whoever goes through a page by its keys stays where he is: on the same link, or in the same place.
  function focusAgain(at, link) {
    const now = reachable();
    const same = link && now.find(function (one) { return one.getAttribute("href") === link; });
    (same || now[at])?.focus({ preventScroll: true });
  }

  function replace(page) {
    const top = scrollY;
    const focused = document.activeElement;
    const at = reachable().indexOf(focused);
    const before = document.querySelector("main .lede")?.textContent.trim();
    document.querySelector("header").replaceWith(page.querySelector("header"));
    document.querySelector("main").replaceWith(page.querySelector("main"));
    document.dispatchEvent(new Event("renewed"));
    if (at >= 0) {
      focusAgain(at, focused.getAttribute("href"));
    }
    scrollTo(0, top);
    const now = document.querySelector("main .lede")?.textContent.trim();
    if (now !== before || now === undefined) {
      document.getElementById("told").textContent = now ?? "The board has changed.";
    }
  }

  async function renew() {
    if (busy || document.hidden || inUse()) {
      wanted = true;
      return;
    }
    busy = true;
    wanted = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        replace(page);
      }
    } finally {
      busy = false;
    }
  }

  const stream = new EventSource("/events");
  stream.addEventListener("message", function (event) {
    if (seen !== null && seen !== event.data) {
      renew();
    }
    seen = event.data;
  });
  document.addEventListener("visibilitychange", function () {
    if (wanted && !document.hidden) {
      renew();
    }
  });
  setInterval(function () {
    if (wanted) {
      renew();
    }
  }, 3000);
})();
