"use strict";

// Without this script pages are complete and have to be reloaded; with it they show what has changed by themselves.
(function () {
  let seen = null;
  let wanted = false;
  let busy = false;

  // What somebody types or has sorted is not taken away; a search that is filled in, neither.
  function inUse() {
    const field = document.activeElement;
    const typed = Array.from(document.querySelectorAll("main input, main textarea")).some(function (one) {
      return one.type !== "hidden" && one.value !== one.defaultValue;
    });
    return typed || (field !== null && field.closest("main form") !== null);
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
        const top = scrollY;
        document.querySelector("main").replaceWith(page.querySelector("main"));
        document.dispatchEvent(new Event("renewed"));
        scrollTo(0, top);
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
