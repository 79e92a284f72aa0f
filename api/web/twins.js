// Near-duplicates side by side; what is marked is deleted after a question.

import { byId, element } from "/dom.js";
import * as grid from "/grid.js";
import { result } from "/jobs.js";
import { ask, chosen, itemOf } from "/server.js";
import { sure } from "/sure.js";

const SLICE = 12; // groups
const marked = new Set();
let [groups, shown, turn] = [[], 0, 0];
let [opened, lost] = [() => {}, () => {}];
const tell = (words) => { byId("twins-told").textContent = words; };
const count = (n, one) => `${n.toLocaleString()} ${one}${n === 1 ? "" : "s"}`;

function evidence(pairs) {
  if (pairs.every((pair) => pair.same_bytes)) return "the same file";
  const bits = pairs.map((pair) => pair.bits).filter((each) => each !== null);
  const most = Math.max(...bits);
  const differ = most ? `looks differ in ${most} of 64 bits at most, ` : "the same look, ";
  return `${bits.length ? differ : ""}scores from ${Math.min(...pairs.map((pair) => pair.score)).toFixed(2)}`;
}

function refresh() {
  byId("twins-delete").disabled = !marked.size;
  byId("twins-delete").textContent = marked.size ? `Delete ${count(marked.size, "marked picture")}…` : "Delete marked";
  byId("twins-acts").hidden = !groups.length;
  byId("twins-more").hidden = shown >= groups.length;
}

function mark(key, on) {
  if (on) marked.add(key);
  else marked.delete(key);
  refresh();
}

function side(item, best) {
  const { width, height } = item.meta;
  const size = width && height ? `${width} × ${height}` : "";
  const box = element("input", { type: "checkbox", checked: marked.has(item.key), onchange: () => mark(item.key, box.checked) });
  const made = element("li", {},
    element("button", { type: "button", className: "tile", onclick: () => opened(item) }, grid.picture(item, 320)),
    element("p", { className: "key" }, item.key),
    element("p", { className: "why" }, [best ? "best" : "", size].filter(Boolean).join(" · ")),
    element("label", {}, box, ` delete`, element("span", { className: "unseen" }, ` ${item.key}`)));
  made.dataset.key = item.key;
  return made;
}

async function there(key) {
  try {
    return await itemOf(key);
  } catch (error) {
    if (error.status === 404) return null; // deleted since it was compared
    throw error;
  }
}

async function grouped({ keys, pairs }) {
  const items = (await Promise.all(keys.map(there))).filter(Boolean);
  return element("li", { className: "group" },
    element("h3", {}, `${count(keys.length, "picture")}: ${evidence(pairs)}`),
    element("ul", { className: "beside" }, ...items.map((item) => side(item, item.key === keys[0]))));
}

async function more() {
  const mine = turn;
  const some = groups.slice(shown, shown + SLICE);
  shown += some.length;
  const boxes = await Promise.all(some.map(grouped));
  if (mine !== turn) return;
  byId("twins-groups").append(...boxes);
  refresh();
}

async function find() {
  forget();
  const mine = turn;
  tell("Comparing pictures…");
  const found = await result(await ask("duplicates", { quick: byId("twins-quick").checked }));
  if (mine !== turn) return;
  groups = found.groups;
  const unread = found.unreadable.length ? `; ${count(found.unreadable.length, "picture")} could not be opened` : "";
  tell(`${groups.length ? count(groups.length, "group") : "No near-duplicates"} among ${count(found.pictures, "picture")}${unread}.`);
  await more();
}

function markShown() {
  for (const { keys } of groups.slice(0, shown)) keys.slice(1).forEach((key) => marked.add(key));
  byId("twins-groups").querySelectorAll("li[data-key]").forEach((side) => {
    side.querySelector("input").checked = marked.has(side.dataset.key);
  });
  refresh();
}

function question() {
  const whole = groups.filter(({ keys }) => keys.every((key) => marked.has(key))).length;
  const none = whole ? ` ${count(whole, "group")} would lose every picture.` : "";
  return `Delete ${count(marked.size, "item")} from ${chosen()}?${none} What is deleted is gone from answers at once; `
    + "files in your folders stay, and come back when the folder is indexed again.";
}

async function remove() {
  if (!await sure(question(), `Delete ${marked.size.toLocaleString()}`)) return;
  const { deleted } = await ask("delete", { keys: [...marked] });
  const left = groups.map(({ keys, pairs }) => ({ keys: keys.filter((key) => !marked.has(key)), pairs }));
  groups = left.filter(({ keys }) => keys.length > 1);
  marked.clear();
  [shown, turn] = [0, turn + 1];
  byId("twins-groups").replaceChildren();
  tell(`Deleted ${count(deleted, "item")}; ${count(groups.length, "group")} left.`);
  await Promise.all([more(), lost()]);
  byId("twins-find").focus();
}

export function forget() {
  [groups, shown, turn] = [[], 0, turn + 1];
  marked.clear();
  byId("twins-groups").replaceChildren();
  tell("Pictures that are nearly the same are shown side by side, the best of each group, of most pixels, first. Nothing is deleted unless you say so.");
  refresh();
}

export function listen(open, deleted) {
  [opened, lost] = [open, deleted];
  const guarded = (step) => () => step().catch((error) => { tell(error.message); refresh(); });
  byId("twins-find").onclick = guarded(find);
  byId("twins-more").onclick = guarded(more);
  byId("twins-delete").onclick = guarded(remove);
  byId("twins-mark").onclick = markShown;
}
