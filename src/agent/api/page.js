// What happens changes the page by itself: table and picture are fetched again, at most once a second.
"use strict";
const told = new Set(["pass_done", "problem_appeared", "problem_cleared", "pf_appeared", "pf_vanished", "policies_loaded",
  "output_written", "output_removed", "output_refused", "paused", "resumed"]);
let waiting = false;

async function refresh() {
  waiting = false;
  const answer = await fetch("/", { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.getElementById("status").replaceWith(page.getElementById("status"));
  document.getElementById("picture").src = "/picture.svg?" + Date.now();
}

function soon() {
  if (!waiting) {
    waiting = true;
    setTimeout(() => refresh().catch(stale), 1000);
  }
}

function stale() {
  document.getElementById("status").classList.add("stale");
}

const events = new EventSource("/v1/events");
// What happened while nobody followed is in the table.
events.onopen = soon;
events.onmessage = (event) => told.has(JSON.parse(event.data).event) && soon();
events.onerror = stale;
