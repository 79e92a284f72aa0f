// Questions about an item, and its caption.

import { answered, citing } from "/answer.js";
import { byId, element } from "/dom.js";
import { base64 } from "/picture.js";
import { ready } from "/search.js";
import { ask, call } from "/server.js";

const GONE = "This item is no longer in the collection.";

export async function reported(current, work) { // to whoever still looks at the item
  const item = current();
  try {
    await work(item);
  } catch (error) {
    const why = error.status === 404 ? GONE : error.message;
    if (item === current()) byId("answer").replaceChildren(element("p", { className: "why" }, why));
  }
}

export async function answerable() {
  const { captions } = await ready().catch(() => ({ captions: true }));
  byId("ask").hidden = !captions;
  byId("unanswerable").hidden = captions;
}

export function listen(current, neighbour) {
  const about = (path, body) => reported(current, async (item) => {
    byId("answer").replaceChildren(element("p", { className: "why" }, "Looking…"));
    const seen = item.image && await (await call(`${item.image}?side=1024`)).blob();
    const answer = await ask(path, { ...body, ...(seen && { image_base64: await base64(seen) }) });
    if (item !== current()) return;
    byId("answer").replaceChildren(...answered(answer));
    await citing(answer.citations, neighbour);
  });
  byId("ask").onsubmit = (event) => {
    event.preventDefault();
    const question = byId("question").value.trim();
    if (question) about("ask", { question });
  };
  // Else the caption of a stored picture would be the one that it has already, and cite itself
  byId("describe").onclick = () => about("caption", { leave_out_own: true });
}
