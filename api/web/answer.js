// An answer and the neighbours it rests on, or the reason for none.

import { byId, element } from "/dom.js";
import { itemOf } from "/server.js";

export function answered(answer) {
  if (answer.answer === null) return [element("p", { className: "why" }, `No answer: ${answer.abstained}`)];
  const sure = answer.confidence === null ? "how sure was not measured" : `${Math.round(100 * answer.confidence)}% sure`;
  const cited = answer.citations.map((each) => `[${each.number}]`).join(" ");
  return [
    element("p", { className: "said" }, answer.answer),
    element("p", { className: "why", title: `written by: ${answer.generator}` }, `${sure}, from ${cited || "no neighbour"}`),
  ];
}

function mark(box, citation) {
  box.classList.add("cited");
  box.querySelector("button").append(element("span", { className: "number" }, String(citation.number)));
  box.append(element("p", { className: "rests" }, `${Math.round(100 * citation.support)}%: ${citation.text}`));
}

function unmark(box) {
  box.classList.remove("cited");
  box.querySelectorAll(".number, .rests").forEach((each) => each.remove());
}

export async function citing(citations, neighbour) {
  const boxes = [...byId("neighbours").children];
  boxes.forEach(unmark);
  const known = new Map(boxes.map((box) => [box.dataset.key, box]));
  const first = await Promise.all(citations.map(async (citation) => {
    const box = known.get(citation.key) || neighbour(await itemOf(citation.key));
    mark(box, citation);
    return box;
  }));
  byId("neighbours").prepend(...first);
}
