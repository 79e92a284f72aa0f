// One way to the server, and its errors as sentences.

import * as key from "/key.js";

const TRIES = 4; // of what a busy server, or the limit of a key, refused
const LOCKED = "This server wants an API key; whoever runs it makes one with `embedstore keys create NAME`.";
const SILENT = "The server does not answer. Start it with `embedstore serve`, then try again.";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const unreachable = (error) => error instanceof Refused && (error.status === 0 || error.status === 401 || error.status >= 500);

let collection = "";
export const choose = (name) => { collection = name; };
export const chosen = () => collection;
const dotted = /(^|\/)\.\.?(\/|$)/; // in older stores; as one part of the path nobody resolves them
const spelled = (key) => (dotted.test(key) ? encodeURIComponent(key) : key.split("/").map(encodeURIComponent).join("/"));

let lost = false;
export const silent = () => lost; // whether the last request had no answer

async function send(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (key.held()) headers.Authorization = `Bearer ${key.held()}`;
  try {
    const answer = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
    lost = false;
    return answer;
  } catch {
    lost = true;
    throw new Refused(0, SILENT);
  }
}

async function refusedForNow(answer) {
  if (answer.status === 429) return true;
  return answer.status === 503 && (await answer.clone().json().catch(() => ({}))).title === "Overloaded";
}

async function patient(path, body) {
  for (let left = TRIES; ; left--) {
    const answer = await send(path, body);
    if (left === 0 || !(await refusedForNow(answer))) return answer;
    const seconds = Number(answer.headers.get("Retry-After")) || 1;
    await new Promise((go) => setTimeout(go, 1000 * seconds * (1 + Math.random()))); // not all at once
  }
}

export async function call(path, body) {
  const sent = performance.now();
  const answer = await patient(path, body);
  if (answer.status === 401 && await key.renewed(sent)) return call(path, body);
  if (!answer.ok) throw new Refused(answer.status, await reason(answer));
  return answer;
}

export async function peek(path) { // asks for no key: nobody waits for the answer
  const answer = await send(path);
  if (!answer.ok) throw new Refused(answer.status, await reason(answer));
  return answer.json();
}

async function reason(answer) {
  if (answer.status === 401) return LOCKED;
  const told = await answer.json().catch(() => ({}));
  return told.detail || `The server answered ${answer.status}; its log says more.`;
}

export async function ask(path, body) {
  return (await call(`/v1/collections/${encodeURIComponent(collection)}/${path}`, body)).json();
}

export const itemOf = (name) => ask(`items/${spelled(name)}`);
export const pictureOf = (name) => `/v1/collections/${encodeURIComponent(collection)}/thumbnails/${spelled(name)}`;
export const originalOf = (name) => `/v1/collections/${encodeURIComponent(collection)}/originals/${spelled(name)}`;

export async function* events(path) { // a browser's own EventSource would send no key
  const pieces = (await call(path)).body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { done, value } = await pieces.read().catch(() => { throw new Refused(0, SILENT); });
    if (done) return;
    const told = (rest + value).split("\n\n");
    rest = told.pop();
    for (const each of told) {
      const data = each.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

// Pictures are asked for without a key by the browser itself, with one by us when they come near.
const addresses = new WeakMap();
const near = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    fetched(target, addresses.get(target));
  }
}, { rootMargin: "800px" });

function fetched(image, url) {
  image.onload = () => URL.revokeObjectURL(image.src);
  call(url).then((answer) => answer.blob()).then(
    (blob) => { image.src = URL.createObjectURL(blob); },
    () => image.dispatchEvent(new Event("error")),
  );
}

export function show(image, url) {
  if (!key.held()) {
    image.src = url;
    return;
  }
  addresses.set(image, url);
  near.observe(image);
}

export function link(anchor, url) { // to what a browser would ask for without the key
  anchor.href = url;
  anchor.onclick = (event) => {
    if (!key.held()) return;
    event.preventDefault();
    const opened = window.open(); // at once: later it would be taken for an advertisement
    call(url).then((answer) => answer.blob()).then((blob) => { opened.location = URL.createObjectURL(blob); }, () => opened.close());
  };
}
