// Filters from what the metadata of the collection holds.

import { byId, element } from "/dom.js";
import { ask } from "/server.js";

const FIELDS = 20;
let chosen = {}; // field to what it shall be: { any: [...], array } or { least, most }
let changed = () => {};
let told = null; // the fields that there are
let turn = 0;

export const kept = () => ({ ...chosen });
export const forget = () => { turn++; told = null; byId("filters").hidden = true; };

export function keep(wanted) {
  chosen = { ...wanted };
  draw();
}

// One value that every item has tells nothing, unless the sample missed some
const useful = ({ looked_at, items: all }) => ({ distinct, items }) => distinct > 1 || (distinct && (items < looked_at || looked_at < all));

function condition([name, { any, array, least, most }]) {
  const values = (any || []).map((each) => JSON.stringify(each));
  if (array && values.length) return `(${values.map((each) => `${each} in ${name}`).join(" or ")})`;
  return [
    values.length && `${name} in [${values.join(", ")}]`,
    least !== undefined && `${name} >= ${Number(least)}`,
    most !== undefined && `${name} <= ${Number(most)}`,
  ].filter(Boolean).join(" and ");
}

export const where = () => Object.entries(chosen).map(condition).filter(Boolean).join(" and ");

function choose({ name, kind }, { any, least, most }) {
  const wanted = {
    ...(any?.length && { any, ...(kind === "array" && { array: true }) }),
    ...(least && { least: Number(least) }),
    ...(most && { most: Number(most) }),
  };
  delete chosen[name];
  if (Object.keys(wanted).length) chosen[name] = wanted;
  count();
  changed();
}

function count() {
  const fields = Object.keys(chosen).length;
  byId("filtered").textContent = fields ? `(${fields})` : "";
  byId("unfilter").hidden = !fields;
}

const any = ({ name }) => chosen[name]?.any || [];

function chips(field) {
  return field.values.map(({ value, items }) => {
    const on = any(field).includes(value);
    const chip = element("button", { type: "button", ariaPressed: String(on), title: `${items} of ${told.looked_at} looked at` }, value === "" ? "(empty)" : String(value));
    chip.onclick = () => {
      const others = any(field).filter((each) => each !== value);
      const now = others.length === any(field).length;
      chip.ariaPressed = String(now);
      choose(field, { any: now ? [...others, value] : others });
    };
    return chip;
  });
}

function exactly(field) { // too many values to show each
  const label = field.kind === "array" ? "holds" : "is";
  const usual = field.values[0]?.value;
  const list = element("datalist", { id: `values of ${field.name}` }, ...field.values.map(({ value }) => element("option", { value: String(value) })));
  const box = element("input", { type: "text", value: any(field)[0] ?? "", ariaLabel: `${field.name}, ${label}`, placeholder: usual === undefined ? "" : `such as ${usual}` });
  box.setAttribute("list", list.id);
  const typed = (words) => (typeof usual === "number" && words.trim() && !Number.isNaN(Number(words)) ? Number(words) : words);
  box.onchange = () => choose(field, { any: box.value ? [typed(box.value)] : [] });
  return [element("span", {}, label), box, list];
}

function range(field) {
  const bound = (label, value, now) => element("input", { type: "number", step: "any", value: now ?? "", ariaLabel: `${field.name}, ${label}`, placeholder: String(value) });
  const now = chosen[field.name] || {};
  const [low, high] = [bound("at least", field.least, now.least), bound("at most", field.most, now.most)];
  low.onchange = high.onchange = () => choose(field, { least: low.value, most: high.value });
  return [low, element("span", {}, "to"), high];
}

function asked(field) {
  if (field.kind === "number") return range(field);
  return field.values.length === field.distinct ? chips(field) : exactly(field);
}

function draw() {
  count();
  if (!told) return;
  const fields = told.fields.filter(useful(told)).slice(0, FIELDS);
  byId("fields").replaceChildren(...fields.map((field) => element("fieldset", {}, element("legend", {}, field.name), ...asked(field))));
  byId("filters").hidden = !fields.length;
}

export async function offer(onChange) {
  changed = onChange;
  byId("unfilter").onclick = () => { keep({}); changed(); };
  const mine = ++turn;
  const given = await ask("fields");
  if (mine !== turn) return; // of a collection that was left
  told = given;
  draw();
}
