// Filters from what the metadata of the collection holds.

import { byId, element } from "/dom.js";
import { ask } from "/server.js";

const FIELDS = 20;
let chosen = new Map(); // field to its condition
let changed = () => {};
let turn = 0;

export const forget = () => { turn++; byId("filters").hidden = true; };

// One value that every item has tells nothing, unless the sample missed some
const useful = (told) => ({ distinct, items }) => distinct > 1 || (distinct && (items < told.looked_at || told.looked_at < told.items));

function choose(name, condition) {
  if (condition) chosen.set(name, condition);
  else chosen.delete(name);
  byId("filtered").textContent = chosen.size ? `(${chosen.size})` : "";
  changed([...chosen.values()].join(" and "));
}

function anyOf(field, values) {
  const told = [...values].map((value) => JSON.stringify(value));
  if (!told.length) return "";
  if (field.kind === "array") return `(${told.map((each) => `${each} in ${field.name}`).join(" or ")})`;
  return `${field.name} in [${told.join(", ")}]`;
}

function chips(field, looked) {
  const on = new Set();
  return field.values.map(({ value, items }) => {
    const chip = element("button", { type: "button", ariaPressed: "false", title: `${items} of ${looked} looked at` }, value === "" ? "(empty)" : String(value));
    chip.onclick = () => {
      if (!on.delete(value)) on.add(value);
      chip.ariaPressed = String(on.has(value));
      choose(field.name, anyOf(field, on));
    };
    return chip;
  });
}

function exactly(field) { // too many values to show each
  const label = field.kind === "array" ? "holds" : "is";
  const usual = field.values[0]?.value;
  const box = element("input", { type: "text", ariaLabel: `${field.name}, ${label}`, placeholder: usual === undefined ? "" : `such as ${usual}` });
  const typed = (words) => (typeof usual === "number" && words.trim() && !Number.isNaN(Number(words)) ? Number(words) : words);
  box.onchange = () => choose(field.name, box.value ? anyOf(field, [typed(box.value)]) : "");
  return [element("span", {}, label), box];
}

function range(field) {
  const bound = (label, value) => element("input", { type: "number", step: "any", ariaLabel: `${field.name}, ${label}`, placeholder: String(value) });
  const [low, high] = [bound("at least", field.least), bound("at most", field.most)];
  const tell = () => choose(field.name, [
    low.value && `${field.name} >= ${Number(low.value)}`,
    high.value && `${field.name} <= ${Number(high.value)}`,
  ].filter(Boolean).join(" and "));
  low.onchange = high.onchange = tell;
  return [low, element("span", {}, "to"), high];
}

function asked(field, looked) {
  if (field.kind === "number") return range(field);
  return field.values.length === field.distinct ? chips(field, looked) : exactly(field);
}

export async function offer(onChange) {
  changed = onChange;
  chosen = new Map();
  byId("filtered").textContent = "";
  const mine = ++turn;
  const told = await ask("fields");
  if (mine !== turn) return; // of a collection that was left
  const fields = told.fields.filter(useful(told)).slice(0, FIELDS);
  byId("fields").replaceChildren(...fields.map((field) => element("fieldset", {}, element("legend", {}, field.name), ...asked(field, told.looked_at))));
  byId("filters").hidden = !fields.length;
}
