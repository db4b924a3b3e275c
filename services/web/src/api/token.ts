import { createStore } from "../store";

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

const question = createStore<Question | null>(null);

/** The question that is being asked, for the dialog that asks it. */
export function useTokenQuestion(): Question | null {
  return question.use();
}

export function token(): string | null {
  return sessionStorage.getItem(KEY);
}

/** Resolves when there is another token than `refused`; rejects with NoTokenError. Asks once for all who wait. */
export function askForToken(refused: string | null): Promise<void> {
  if (token() !== refused) return Promise.resolve();
  const asked = question.get();
  if (asked) return asked.answer;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  question.set({
    refused: refused !== null,
    answer: promise,
    give: (given) => {
      sessionStorage.setItem(KEY, given);
      question.set(null);
      resolve();
    },
    cancel: () => {
      question.set(null);
      reject(new NoTokenError());
    },
  });
  return promise;
}
