// Filters from the metadata that the first items have.

import { byId, element } from "/dom.js";
import { ask } from "/server.js";

const [ITEMS, FIELDS, VALUES] = [500, 10, 24];
const spelled = (name) => `meta[${JSON.stringify(name)}]`;
let chosen = new Map(); // field to its condition
let changed = () => {};

function gather(items) {
  const fields = new Map();
  for (const { meta } of items) {
    for (const [name, value] of Object.entries(meta)) {
      for (const each of [value].flat()) {
        if (!["string", "boolean", "number"].includes(typeof each)) continue;
        const field = fields.get(name) || { name, listed: Array.isArray(value), counts: new Map() };
        fields.set(name, field);
        field.counts.set(each, (field.counts.get(each) || 0) + 1);
      }
    }
  }
  return [...fields.values()].filter((field) => field.counts.size > 1);
}

const numeric = (field) => [...field.counts.keys()].every((value) => typeof value === "number");
const useful = (field) => (numeric(field) ? !field.listed : field.counts.size <= VALUES);

function choose(name, condition) {
  if (condition) chosen.set(name, condition);
  else chosen.delete(name);
  byId("filtered").textContent = chosen.size ? `(${chosen.size})` : "";
  changed([...chosen.values()].join(" and "));
}

function anyOf(field, values) {
  const told = [...values].map((value) => JSON.stringify(value));
  if (!told.length) return "";
  if (field.listed) return `(${told.map((each) => `${each} in ${spelled(field.name)}`).join(" or ")})`;
  return `${spelled(field.name)} in [${told.join(", ")}]`;
}

function chips(field) {
  const on = new Set();
  const most = [...field.counts].sort((a, b) => b[1] - a[1]);
  return most.map(([value, count]) => {
    const chip = element("button", { type: "button", ariaPressed: "false", title: `${count} of the first ${ITEMS}` }, String(value));
    chip.onclick = () => {
      if (!on.delete(value)) on.add(value);
      chip.ariaPressed = String(on.has(value));
      choose(field.name, anyOf(field, on));
    };
    return chip;
  });
}

function range(field) {
  const known = [...field.counts.keys()];
  const bound = (label, value) => element("input", { type: "number", step: "any", ariaLabel: `${field.name}, ${label}`, placeholder: String(value) });
  const [low, high] = [bound("at least", Math.min(...known)), bound("at most", Math.max(...known))];
  const tell = () => choose(field.name, [
    low.value && `${spelled(field.name)} >= ${Number(low.value)}`,
    high.value && `${spelled(field.name)} <= ${Number(high.value)}`,
  ].filter(Boolean).join(" and "));
  low.onchange = high.onchange = tell;
  return [low, element("span", {}, "to"), high];
}

function row(field) {
  return element("fieldset", {}, element("legend", {}, field.name), ...(numeric(field) ? range(field) : chips(field)));
}

export async function offer(onChange) {
  changed = onChange;
  chosen = new Map();
  byId("filtered").textContent = "";
  const { items } = await ask(`items?limit=${ITEMS}`);
  const fields = gather(items).filter(useful).slice(0, FIELDS);
  byId("fields").replaceChildren(...fields.map(row));
  byId("filters").hidden = !fields.length;
}
