"use strict";
// The page works without this: it only keeps what is shown up to date.
const live = document.querySelector("[data-live]");
if (live) {
  const state = document.querySelector("#live-state");
  const source = new EventSource(live.dataset.live);
  source.onopen = () => { state.textContent = "● live"; };
  source.onerror = () => { state.textContent = "○ not live: connecting again"; };
  source.onmessage = (event) => {
    if (!live.contains(document.activeElement)) live.innerHTML = event.data; // who reads by keyboard keeps the place
  };
}
const reload = document.querySelector("[data-reload]");
if (reload) setTimeout(() => location.reload(), Number(reload.dataset.reload));
