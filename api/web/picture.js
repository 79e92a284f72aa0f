// A picture that is chosen, dropped or pasted, as base64.

import { byId, tell } from "/dom.js";

const LARGEST = 20 << 20; // the server takes 32 MiB, and base64 is a third longer

export function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

function refusal(file) {
  const name = file.name || "What you gave";
  if (!file.type.startsWith("image/")) return `${name} is not a picture; expected a JPEG, PNG, WebP or the like.`;
  if (file.size > LARGEST) return `${name} is too large: ${Math.ceil(file.size / (1 << 20))} MiB; expected at most 20 MiB.`;
  return null;
}

async function give(file, take) {
  if (!file) return;
  const refused = refusal(file);
  if (refused) tell(refused, null, true);
  else take({ name: file.name || "pasted picture", url: URL.createObjectURL(file), base64: await base64(file) });
}

export function listen(take) {
  byId("choose").onclick = () => byId("file").click();
  byId("file").onchange = (event) => {
    give(event.target.files[0], take);
    event.target.value = ""; // so that the same picture can be chosen again
  };
  document.onpaste = (event) => give(event.clipboardData.files[0], take);
  document.ondragover = (event) => { event.preventDefault(); document.body.classList.add("dropping"); };
  document.ondragleave = () => document.body.classList.remove("dropping");
  document.ondrop = (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    give(event.dataTransfer.files[0], take);
  };
}
