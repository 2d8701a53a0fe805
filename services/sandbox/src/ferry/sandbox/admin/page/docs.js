// Renders an OpenAPI document: each operation with its parameters, its body and its answers.
const cloud = location.pathname.split("/").at(-1);
const source = `/openapi/${cloud}.json`;
const document_ = await (await fetch(source)).json();

function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function resolved(node) {
  if (!node?.$ref) return node;
  return node.$ref.slice(2).split("/").reduce((at, key) => at[key], document_);
}

// A schema as text: types, bounds and what is required, references followed.
function shape(schema, indent = "") {
  const node = resolved(schema);
  if (!node) return "anything";
  if (node.oneOf && !node.properties) return node.oneOf.map((each) => shape(each, indent)).join(" or ");
  if (node.enum) return node.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (node.type === "array") return `[${shape(node.items, indent)}, …]`;
  if (node.type !== "object" || !node.properties) return [node.type, node.pattern, bounds(node)].filter(Boolean).join(" ");
  const lines = Object.entries(node.properties).map(([key, value]) => {
    const optional = node.required?.includes(key) ? "" : "?";
    const about = resolved(value).description;
    return `${indent}  ${key}${optional}: ${shape(value, `${indent}  `)}${about ? `   (${about})` : ""}`;
  });
  const either = (node.oneOf ?? []).flatMap((each) => each.required ?? []);
  if (either.length) lines.push(`${indent}  (${either.join(" or ")} is required)`);
  return `{\n${lines.join("\n")}\n${indent}}`;
}

function bounds(node) {
  const low = node.minimum ?? node.minLength;
  const high = node.maximum ?? node.maxLength;
  return low === undefined && high === undefined ? "" : `${low ?? ""}…${high ?? ""}`;
}

function contents(body) {
  return Object.entries(body?.content ?? {}).flatMap(([type, each]) => [
    make("p", { className: "quiet", textContent: type }),
    make("pre", { textContent: shape(each.schema) }),
  ]);
}

function operation(path, shared, method, found) {
  const parameters = [...shared, ...(found.parameters ?? [])].map(resolved);
  const summary = make("summary", {}, make("span", { className: "method", textContent: method.toUpperCase() }), ` ${path} `,
    make("span", { className: "quiet", textContent: found.summary ?? "" }));
  const rows = parameters.map((each) => make("tr", {}, ...[each.name, each.in, shape(each.schema), each.description ?? ""].map((textContent) => make("td", { textContent }))));
  const entry = make("details", { id: found.operationId }, summary);
  if (rows.length) entry.append(make("h3", { textContent: "Parameters" }), make("div", { className: "scroll" }, make("table", {}, make("tbody", {}, ...rows))));
  if (found.requestBody) entry.append(make("h3", { textContent: "Body" }), ...contents(resolved(found.requestBody)));
  entry.append(make("h3", { textContent: "Answers" }));
  for (const [status, answer] of Object.entries(found.responses)) {
    const said = resolved(answer);
    const line = make("summary", {}, make("span", { className: `method s${status[0]}`, textContent: status }), ` ${said.description}`);
    entry.append(make("details", {}, line, ...contents(said)));
  }
  return entry;
}

document.getElementById("raw").href = source;
document.getElementById("title").textContent = document_.info.title;
document.title = document_.info.title;
document.getElementById("about").append(make("p", { textContent: `${document_.info.description} Everything is under ${document_.servers[0].url}.` }));
const groups = new Map();
for (const [path, item] of Object.entries(document_.paths)) {
  for (const method of ["get", "post", "put", "delete"]) {
    if (!item[method]) continue;
    const tag = item[method].tags?.[0] ?? "";
    if (!groups.has(tag)) groups.set(tag, make("section", {}, make("h2", { textContent: tag || "operations" })));
    groups.get(tag).append(operation(path, item.parameters ?? [], method, item[method]));
  }
}
document.getElementById("operations").append(...groups.values());
