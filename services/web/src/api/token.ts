import { useSyncExternalStore } from "react";

/** The person did not give the token that a write needs. */
export class NoTokenError extends Error {
  constructor() {
    super("Without a token the catalogue takes no changes.");
  }
}

interface Question {
  /** Whether a token was sent, and was not right. */
  refused: boolean;
  answer: Promise<void>;
  give: (token: string) => void;
  cancel: () => void;
}

// For this tab only: another tab has its own, and closing the tab forgets it.
const KEY = "token";

let question: Question | null = null;
const listeners = new Set<() => void>();

function setQuestion(next: Question | null) {
  question = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The question that is being asked, for the dialog that asks it. */
export function useTokenQuestion(): Question | null {
  return useSyncExternalStore(subscribe, () => question);
}

export function token(): string | null {
  return sessionStorage.getItem(KEY);
}

/** Resolves when there is another token than `refused`; rejects with NoTokenError. Asks once for all who wait. */
export function askForToken(refused: string | null): Promise<void> {
  if (token() !== refused) return Promise.resolve();
  if (!question) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    setQuestion({
      refused: refused !== null,
      answer: promise,
      give: (given) => {
        sessionStorage.setItem(KEY, given);
        setQuestion(null);
        resolve();
      },
      cancel: () => {
        setQuestion(null);
        reject(new NoTokenError());
      },
    });
  }
  return (question as unknown as Question).answer;
}
