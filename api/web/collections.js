// The collections of the store, and how many items each holds while they come.

import { byId, element } from "/dom.js";
import { peek } from "/server.js";

let [there, shown] = [[], null]; // shown: name and items of the one on the page, when it was entered
let entered = () => {};
let renewed = () => {};
const label = ({ name, items }) => `${name} (${items.toLocaleString()})`;

export function listen(enter, renew) {
  [entered, renewed] = [enter, renew];
  byId("collection").onchange = (event) => choose(there[event.target.selectedIndex]);
  byId("fresh").onclick = () => agree().then(renewed, renewed); // a silent server is told of there
}

export function choose(collection, wanted) {
  shown = collection;
  byId("fresh").hidden = true;
  byId("collection").value = collection.name;
  return entered(collection.name, collection.items, wanted);
}

export const named = (wanted) => there.find(({ name }) => name === wanted);
export const size = () => named(shown?.name)?.items ?? 0;

function list() {
  byId("form").inert = byId("bar").inert = !there.length;
  const select = byId("collection");
  const same = select.options.length === there.length && there.every(({ name }, at) => select.options[at].value === name);
  if (same) there.forEach((each, at) => { select.options[at].textContent = label(each); });
  else select.replaceChildren(...there.map((each) => element("option", { value: each.name }, label(each))));
  if (shown) select.value = shown.name;
}

export function counted(found, wanted) {
  there = found;
  list();
  const now = named(shown?.name);
  if (!now) return there.length && (named(wanted?.collection) ? choose(named(wanted.collection), wanted) : choose(there[0]));
  if (!shown.items && now.items) return choose(now);
  const more = now.items - shown.items;
  byId("fresh").hidden = !more;
  byId("fresh").textContent = more > 0 ? `${more.toLocaleString()} new, show them` : "Items were deleted, look again";
  return null;
}

export async function agree() { // what the page did itself is no news
  there = await peek("/v1/collections");
  list();
  shown = named(shown.name) || shown;
  byId("fresh").hidden = true;
}
