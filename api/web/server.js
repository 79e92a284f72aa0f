// One way to the server, and its errors as sentences.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const unreachable = (error) => error instanceof Refused && (error.status === 0 || error.status >= 500);

let collection = "";
export const choose = (name) => { collection = name; };

async function send(path, body) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  try {
    return await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  } catch {
    throw new Refused(0, "The server does not answer. Start it with `embedstore serve`, then try again.");
  }
}

export async function call(path, body) {
  const answer = await send(path, body);
  if (answer.status === 401) {
    const key = prompt("API key of this server:");
    sessionStorage.setItem("key", key || "");
    if (key) return call(path, body);
  }
  if (!answer.ok) throw new Refused(answer.status, await reason(answer));
  return answer;
}

async function reason(answer) {
  const told = await answer.json().catch(() => ({}));
  return told.detail || `The server answered ${answer.status}; its log says more.`;
}

export async function ask(path, body) {
  return (await call(`/v1/collections/${encodeURIComponent(collection)}/${path}`, body)).json();
}

// Pictures are asked for without a key by the browser itself, with one by us.
export function show(image, url) {
  if (!sessionStorage.getItem("key")) {
    image.src = url;
    return;
  }
  image.onload = () => URL.revokeObjectURL(image.src);
  call(url).then((answer) => answer.blob()).then(
    (blob) => { image.src = URL.createObjectURL(blob); },
    () => { image.alt += " (no picture)"; },
  );
}
