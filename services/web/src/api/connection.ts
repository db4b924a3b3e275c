import { createStore } from "../store";

/** Whether requests are answered: `down` after one that was not, `slow` while one waits longer than usual. */
export type Connection = "up" | "slow" | "down";

const SLOW_AFTER_MS = 3_000;
const TIMEOUT_MS = 30_000;

/** A server between here and the API says that it does not answer (RFC 9110, section 15.6), or the API that it can't. */
export const NOT_ANSWERED = [502, 503, 504];

const store = createStore({ down: false, slow: 0 });

export function useConnection(): Connection {
  const { down, slow } = store.use();
  return down ? "down" : slow ? "slow" : "up";
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
    store.set({ ...store.get(), slow: store.get().slow + 1 });
  }, SLOW_AFTER_MS);
  let down: boolean | undefined;
  try {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(request, { signal });
    down = NOT_ANSWERED.includes(response.status);
    if (down) throw new NoAnswerError();
    return response;
  } catch (error) {
    if (request.signal.aborted) throw error; // Nobody waits for it any more, which says nothing of the API.
    down = true;
    throw new NoAnswerError();
  } finally {
    clearTimeout(timer);
    const before = store.get();
    store.set({ down: down ?? before.down, slow: before.slow - (isSlow ? 1 : 0) });
  }
}
