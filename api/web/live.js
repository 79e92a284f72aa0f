// What changes while the page is open: items that come, work that runs.

import { follow } from "/jobs.js";
import { peek, Refused } from "/server.js";

const EVERY = 3000; // ms
let [seesJobs, watching] = [true, false];

async function runningJobs() {
  try {
    return (await peek("/v1/jobs")).filter((job) => job.state === "running"); // one at a time does
  } catch (error) {
    if (error.status === 403) seesJobs = false; // a key for one collection alone
    throw error;
  }
}

async function look(counted) {
  counted(await peek("/v1/collections"));
  if (seesJobs) (await runningJobs()).forEach(follow);
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
