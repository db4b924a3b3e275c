import { useSyncExternalStore } from "react";

/** Whether requests are answered: `down` after one that was not, `slow` while one waits longer than usual. */
export type Connection = "up" | "slow" | "down";

const SLOW_AFTER_MS = 3_000;
const TIMEOUT_MS = 30_000;

/** A server between here and the API says that it does not answer (RFC 9110, section 15.6), or the API that it can't. */
export const NOT_ANSWERED = [502, 503, 504];

let down = false;
let slow = 0;
const listeners = new Set<() => void>();

function changed() {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => (down ? "down" : slow ? "slow" : "up"));
}

/** The API did not answer, or something between here and it said so: whether it did what was asked is not known. */
export class NoAnswerError extends Error {
  constructor() {
    super("The catalogue does not answer.");
  }
}

/**
 * Like fetch, with a time limit.
 *
 * Throws NoAnswerError when nothing answers in time, or what answers is not the API.
 */
export async function send(request: Request): Promise<Response> {
  let isSlow = false;
  const timer = setTimeout(() => {
    isSlow = true;
    slow++;
    changed();
  }, SLOW_AFTER_MS);
  try {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(request, { signal });
    if (NOT_ANSWERED.includes(response.status)) throw new NoAnswerError();
    down = false;
    return response;
  } catch (error) {
    if (request.signal.aborted) throw error; // Nobody waits for it any more, which says nothing of the API.
    down = true;
    throw new NoAnswerError();
  } finally {
    clearTimeout(timer);
    if (isSlow) slow--;
    changed();
  }
}
