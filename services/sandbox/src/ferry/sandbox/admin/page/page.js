// The sandbox's page: what arrived, what was asked, and what is to go wrong; kept live by server-sent events.
import { draw } from "/plot.js";

const KEPT = 500;
const SHOWN = 100;
const SWITCHES = [
  ["slow (300 ms)", { kind: "latency", ms: 300, distribution: "lognormal" }],
  ["1 in 10 fails (503)", { kind: "status", status: 503, rate: 0.1, retry_after: "1" }],
  ["too many requests (429)", { kind: "status", status: 429, retry_after: "2" }],
  ["tokens refused (401)", { kind: "status", status: 401, match: { path: "*/gateways/*" } }],
  ["resets before the work", { kind: "reset_before", rate: 0.2 }],
  ["resets after the work", { kind: "reset_after", rate: 0.2, match: { path: "*/series" } }],
  ["answers that are no JSON", { kind: "malformed", rate: 0.2, match: { path: "*/series" } }],
  ["both clouds down (503)", { kind: "status", status: 503 }],
  ["no answer at all", { kind: "blackhole" }],
];
const $ = (id) => document.getElementById(id);
const state = { requests: [], faults: [], fleet: null, skew: 0, plotted: null, points: null, stale: true };

function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function ask(path, method = "GET", body = undefined) {
  const answer = await fetch(path, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer.json();
}

function chip(status) {
  if (!status) return make("span", { className: "chip quiet", textContent: "no status" });
  const expired = status.expireAt !== -1 && status.expireAt <= Date.now() + state.skew;
  if (expired) return make("span", { className: "chip expired", textContent: `${status.value}, expired` });
  return make("span", { className: `chip ${status.value}`, textContent: status.value });
}

function sensorButton(gateway, sensor) {
  const name = make("span", {}, sensor.name, " ", make("span", { className: "quiet", textContent: sensor.id }));
  const value = sensor.last === null ? "" : `${sensor.last} · `;
  const line = make("span", { className: "quiet", textContent: `${value}${sensor.type}, ${sensor.points} points` });
  const button = make("button", { type: "button" }, name, chip(sensor.status), line);
  button.dataset.key = `${gateway.id}/${sensor.id}`;
  button.addEventListener("click", () => plot(gateway, sensor));
  return make("li", {}, button);
}

function showFleet() {
  const open = new Set([...document.querySelectorAll("#tree details[open]")].map((each) => each.dataset.id));
  const focused = document.activeElement?.dataset.key;
  const { gateways, otosense, total } = state.fleet;
  $("tree").replaceChildren(...gateways.map((gateway) => {
    const text = `${gateway.tenant}, ${gateway.devices} devices, ${gateway.sensor_count} sensors`;
    const summary = make("summary", {}, gateway.name, " ", make("span", { className: "quiet", textContent: `${gateway.id} · ${text} ` }), chip(gateway.status));
    const sensors = make("ul", { className: "sensors" }, ...gateway.sensors.map((each) => sensorButton(gateway, each)));
    const entry = make("details", { open: open.has(gateway.id) || gateways.length === 1 }, summary, sensors);
    entry.dataset.id = gateway.id;
    summary.dataset.key = gateway.id;
    return entry;
  }));
  if (!gateways.length) $("tree").append(make("p", { className: "quiet", textContent: "No gateway yet." }));
  $("more").hidden = total <= gateways.length;
  $("more").textContent = `${gateways.length} of ${total} gateways; find narrows them down.`;
  document.querySelector("#otosense tbody").replaceChildren(...otosense.map((each) => make("tr", {},
    ...[each.sensorId, each.tenant, each.provisioned, each.lastConnected ?? "not yet"].map((textContent) => make("td", { textContent })))));
  if (focused) document.querySelector(`#tree [data-key="${CSS.escape(focused)}"]`)?.focus();
}

async function refresh() {
  state.stale = false;
  const find = encodeURIComponent($("find").value);
  state.fleet = await ask(`/admin/fleet?limit=${SHOWN}&find=${find}`);
  state.skew = state.fleet.now - Date.now();
  showFleet();
  if (state.plotted) await replot();
}

function plot(gateway, sensor) {
  state.plotted = { gateway: gateway.id, sensor: sensor.id };
  $("plot-title").textContent = `${sensor.name} (${sensor.type}) of ${gateway.name}`;
  $("plot").hidden = false;
  $("plot").scrollIntoView({ block: "nearest" });
  return replot();
}

async function replot() {
  const { gateway, sensor } = state.plotted;
  const rows = await ask(`/admin/series/${encodeURIComponent(gateway)}/${encodeURIComponent(sensor)}?last=500`);
  draw($("plot-area"), $("plot-note"), rows);
}

function fits(request) {
  const form = $("filters").elements;
  const status = request.status === null ? "n" : String(request.status)[0];
  return request.path.includes(form.path.value) && (!form.status.value || form.status.value === status)
    && (!form.cloud.value || form.cloud.value === request.cloud);
}

const short = (path) => path.replace(/[0-9a-f]{32}/g, (id) => `${id.slice(0, 8)}…`);

function showRequests() {
  const rows = state.requests.filter(fits).slice(0, SHOWN).map((each) => {
    const faults = each.faults.length ? ` (${each.faults.join(", ")})` : "";
    const cells = [
      make("td", { textContent: new Date(each.at).toLocaleTimeString() }),
      make("td", { className: `s${String(each.status ?? 0)[0]}`, textContent: each.status ?? "dropped" }),
      make("td", { className: "path", title: `${each.path}\n${each.body}` }, `${each.method} ${short(each.path)}`, make("span", { className: "err", textContent: faults })),
      make("td", { textContent: each.ms.toFixed(1) }),
      make("td", { textContent: each.tenant }),
    ];
    return make("tr", {}, ...cells);
  });
  document.querySelector("#log tbody").replaceChildren(...rows);
}

const armedBy = (fault) => state.faults.find((each) => each.kind === fault.kind && each.status === (fault.status ?? each.status)
  && each.rate === (fault.rate ?? 1) && (each.match.path ?? undefined) === fault.match?.path);

function showFaults() {
  $("switches").replaceChildren(...SWITCHES.map(([text, fault]) => {
    const armed = armedBy(fault);
    const button = make("button", { type: "button", textContent: armed ? `${text}: ${armed.hits}` : text });
    button.setAttribute("aria-pressed", String(Boolean(armed)));
    button.addEventListener("click", () => (armed ? ask(`/admin/faults/${armed.id}`, "DELETE") : ask("/admin/faults", "POST", fault)).then(loadFaults));
    return button;
  }));
  const named = new Set(SWITCHES.map(([, fault]) => armedBy(fault)?.id));
  $("armed").replaceChildren(...state.faults.filter((each) => !named.has(each.id)).map((each) =>
    make("pre", { textContent: JSON.stringify(each) })));
}

async function loadFaults() {
  state.faults = await ask("/admin/faults");
  showFaults();
}

function showCounters(counters) {
  const now = performance.now();
  if (state.points) {
    const rate = ((counters.points - state.points.count) * 1000) / (now - state.points.at);
    $("rate").textContent = Math.max(0, rate).toFixed(rate < 10 ? 1 : 0);
  }
  state.points = { count: counters.points, at: now };
  const sum = (rows) => rows.reduce((total, row) => total + row.count, 0);
  $("points").textContent = counters.points;
  $("gateways").textContent = counters.gateways;
  $("count").textContent = sum(counters.requests);
  $("refused").textContent = sum(counters.requests.filter((row) => row.status === null || row.status >= 400));
  $("tokens").textContent = counters.tokens_issued.thingplus + counters.tokens_issued.otosense;
  state.stale = true;
}

function listen() {
  const events = new EventSource("/admin/events");
  const live = (on) => {
    $("live").textContent = on ? "live" : "connection lost, trying again";
    $("live").className = on ? "on" : "";
  };
  events.onopen = () => live(true);
  events.onerror = () => live(false);
  events.addEventListener("counters", (event) => showCounters(JSON.parse(event.data)));
  events.addEventListener("faults", (event) => { state.faults = JSON.parse(event.data); showFaults(); });
  events.addEventListener("requests", (event) => {
    state.requests = [...JSON.parse(event.data).reverse(), ...state.requests].slice(0, KEPT);
    if (!$("filters").elements.hold.checked) showRequests();
  });
}

async function start() {
  state.requests = await ask(`/admin/requests?limit=${SHOWN}`);
  showRequests();
  await loadFaults();
  await refresh();
  listen();
  $("filters").addEventListener("input", showRequests);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("find").addEventListener("input", refresh);
  $("heal").addEventListener("click", () => ask("/admin/faults", "DELETE").then(loadFaults));
  $("revoke").addEventListener("click", () => ask("/admin/revoke", "POST", {}));
  $("plot-close").addEventListener("click", () => { state.plotted = null; $("plot").hidden = true; });
  setInterval(() => (state.stale ? refresh() : state.fleet && showFleet()), 1000);
}

start();
