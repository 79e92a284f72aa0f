// Long work of the server, followed until it ends.

import { byId, element } from "/dom.js";
import { events, Refused } from "/server.js";

const STAYS = 8000; // ms that a finished job is still told of
const followed = new Map(); // id to the promise of how it ended

function line(job) {
  const words = element("span", {});
  const bar = element("progress", { ariaLabel: `${job.kind} of ${job.collection}` });
  const away = element("button", { type: "button", ariaLabel: "Dismiss", hidden: true }, "✕");
  const box = element("li", {}, words, bar, away);
  away.onclick = () => box.remove();
  const tell = ({ kind, collection, state, done, total, error }) => {
    const far = total ? `${done.toLocaleString()} of ${total.toLocaleString()}` : state;
    words.textContent = `${kind} of ${collection}: ${error || far}`;
    if (total) Object.assign(bar, { value: done, max: total });
  };
  const end = () => {
    bar.hidden = true;
    away.hidden = false;
  };
  return { box, tell, end };
}

async function toItsEnd(job) {
  const { box, tell, end } = line(job);
  byId("jobs").append(box);
  let last = job;
  try {
    tell(job);
    for await (last of events(`/v1/jobs/${job.id}/events`)) tell(last);
  } catch (error) {
    last = { ...last, state: "failed", error: error.message };
  }
  tell(last.state === "done" ? { ...last, total: 0 } : last);
  end();
  if (last.state === "done") setTimeout(() => box.remove(), STAYS);
  return last;
}

export function follow(job) {
  if (!followed.has(job.id)) followed.set(job.id, toItsEnd(job));
  return followed.get(job.id);
}

export async function result(job) {
  const ended = await follow(job);
  if (ended.state !== "done") throw new Refused(422, ended.error || "The server stopped before it was done; start it again.");
  return ended.result;
}
