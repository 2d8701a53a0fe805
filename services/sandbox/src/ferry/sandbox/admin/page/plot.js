// One sensor's series as a line; values that are no numbers are listed instead.
const SVG = "http://www.w3.org/2000/svg";
const BOX = { left: 64, right: 708, top: 20, bottom: 190 };

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function scale(from, to, low, high) {
  const span = to - from || 1;
  return (value) => low + ((value - from) / span) * (high - low);
}

const when = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");

export function draw(area, note, rows) {
  area.replaceChildren();
  const points = rows.map((row) => [row.time, Number(row.value)]).filter(([, value]) => Number.isFinite(value));
  if (points.length === 0) {
    note.textContent = rows.length ? `newest: ${JSON.stringify(rows.at(-1).value)}` : "nothing has arrived yet";
    return;
  }
  const values = points.map(([, value]) => value);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) [low, high] = [low - 1, high + 1];
  const x = scale(points[0][0], points.at(-1)[0], BOX.left, BOX.right);
  const y = scale(low, high, BOX.bottom, BOX.top);
  for (const value of [low, (low + high) / 2, high]) {
    area.append(
      element("line", { class: "axis", x1: BOX.left, x2: BOX.right, y1: y(value), y2: y(value) }),
      element("text", { x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end" }, Number(value.toPrecision(5))),
    );
  }
  area.append(
    element("text", { x: BOX.left, y: 210 }, when(points[0][0])),
    element("text", { x: BOX.right, y: 210, "text-anchor": "end" }, when(points.at(-1)[0])),
    element("polyline", { points: points.map(([at, value]) => `${x(at)},${y(value)}`).join(" ") }),
  );
  if (points.length <= 60) {
    for (const [at, value] of points) area.append(element("circle", { cx: x(at), cy: y(value), r: 3 }));
  }
  note.textContent = `${rows.length} newest points; last ${rows.at(-1).value} at ${when(rows.at(-1).time)} UTC`;
}
