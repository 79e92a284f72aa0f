// What changes while the page is open: items that come, work that runs.

import { follow } from "/jobs.js";
import { peek, Refused, silent } from "/server.js";

const EVERY = 3000; // ms
let watching = false;

async function look(counted) {
  const back = silent();
  counted(await peek("/v1/collections"), back);
  (await peek("/v1/jobs?state=running")).forEach(follow);
}

export function watch(counted) {
  if (watching) return;
  watching = true;
  const again = async () => {
    try {
      if (!document.hidden) await look(counted);
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // whatever the user does next tells why
    } finally {
      setTimeout(again, EVERY);
    }
  };
  setTimeout(again, EVERY);
}
