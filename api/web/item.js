// One item: its picture, words and metadata, its neighbours, and questions about it.

import { answered, citing } from "/answer.js";
import { byId, element } from "/dom.js";
import { likely, picture, words } from "/grid.js";
import { base64 } from "/picture.js";
import { ask, call } from "/server.js";

const NEIGHBOURS = 8;
let current = null;
let wanted = () => {};
export const onLike = (like) => { wanted = like; };

export function open(item) {
  current = item;
  const side = picture(item, 1024);
  side.loading = "eager";
  byId("item-picture").replaceChildren(side);
  byId("item-title").textContent = [item.key, likely(item)].filter(Boolean).join(" · ");
  byId("item-captions").replaceChildren(...item.texts.map((text) => element("li", {}, text)));
  byId("meta").replaceChildren(...Object.entries(item.meta).flatMap(([name, value]) => [
    element("dt", {}, name), element("dd", {}, typeof value === "string" ? value : JSON.stringify(value))]));
  byId("more").hidden = !Object.keys(item.meta).length;
  byId("describe").hidden = !item.image;
  byId("answer").replaceChildren();
  for (const form of ["like", "ask"]) byId(form).reset();
  if (!byId("item").open) byId("item").showModal();
  byId("item").scrollTop = 0;
  byId("item-title").focus();
  neighbours(item);
}

export function neighbour(hit) {
  const button = element("button", { type: "button", title: words(hit), onclick: () => open(hit) }, picture(hit, 160));
  const box = element("li", {}, button);
  box.dataset.key = hit.key;
  return box;
}

async function neighbours(item) {
  byId("neighbours").replaceChildren();
  const target = item.image ? "image" : "text";
  await reported(async () => {
    const hits = await ask("search", { like: item.key, k: NEIGHBOURS, target });
    if (item === current) byId("neighbours").replaceChildren(...hits.map(neighbour));
  });
}

async function reported(step) {
  const item = current;
  try {
    await step();
  } catch (error) {
    if (item === current) byId("answer").replaceChildren(element("p", { className: "why" }, error.message));
  }
}

async function about(path, body) {
  const item = current;
  byId("answer").replaceChildren(element("p", { className: "why" }, "Looking…"));
  const seen = item.image && await (await call(`${item.image}?side=1024`)).blob();
  const answer = await ask(path, { ...body, ...(seen && { image_base64: await base64(seen) }) });
  if (item !== current) return;
  byId("answer").replaceChildren(...answered(answer));
  await citing(answer.citations, neighbour);
}

export function listen() {
  byId("close").onclick = () => byId("item").close();
  byId("item").onclick = (event) => { if (event.target === byId("item")) byId("item").close(); };
  byId("item").onclose = () => { current = null; };
  byId("like").onsubmit = (event) => {
    event.preventDefault();
    const without = byId("not").value.split(",").map((each) => each.trim()).filter(Boolean);
    const { key } = current;
    byId("item").close();
    wanted(key, without);
  };
  byId("ask").onsubmit = (event) => {
    event.preventDefault();
    const question = byId("question").value.trim();
    if (question) reported(() => about("ask", { question }));
  };
  // Else the caption of a stored picture would be the one that it has already, and cite itself
  byId("describe").onclick = () => reported(() => about("caption", { leave_out_own: true }));
}
