import type { Book, BookIn } from "../api/schema";

/** A book as it is typed. */
export interface Values {
  title: string;
  author: string;
  published_year: string;
  isbn: string;
  description: string;
  read: boolean;
}

export type FieldName = keyof Values;

export const LABELS: Record<FieldName, string> = {
  title: "Title",
  author: "Author",
  published_year: "Published year",
  isbn: "ISBN",
  description: "Description",
  read: "Read",
};

export const FIELDS = Object.keys(LABELS) as FieldName[];

export function toValues(book: Book | null): Values {
  return {
    title: book?.title ?? "",
    author: book?.author ?? "",
    published_year: book?.published_year?.toString() ?? "",
    isbn: book?.isbn ?? "",
    description: book?.description ?? "",
    read: book?.read ?? false,
  };
}

/** What the API takes. It is the API that says what is wrong, so a year that is no number goes to it as it was typed. */
export function toBody(values: Values): BookIn {
  const year = values.published_year.trim();
  return {
    ...values,
    published_year: year === "" ? null : /^-?\d+$/.test(year) ? Number(year) : (year as unknown as number),
    isbn: values.isbn.trim() || null,
  };
}

/** The fields that differ. */
export function differences(one: Values, other: Values): FieldName[] {
  return FIELDS.filter((name) => one[name] !== other[name]);
}

/** What a person is typing. */
export interface Draft {
  values: Values;
  /** The book as it was when the typing began; null for one that is being added. */
  base: Book | null;
  /** The Idempotency-Key: another one for other values, so that the same book is added once, however often it is sent. */
  key: string;
}

export function newDraft(base: Book | null, values = toValues(base)): Draft {
  // crypto.randomUUID is not there where the page is served without TLS, as on minikube.
  const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (number) => number.toString(36)).join("-");
  return { values, base, key };
}

// Typed text outlives the dialog and a reload, until it is saved or discarded; another tab has its own.
const storageKey = (book: Book | null) => `draft of ${book?.id ?? "a new book"}`;

export function loadDraft(book: Book | null): Draft | null {
  return JSON.parse(sessionStorage.getItem(storageKey(book)) ?? "null");
}

export function keepDraft(book: Book | null, draft: Draft) {
  sessionStorage.setItem(storageKey(book), JSON.stringify(draft));
}

export function discardDraft(book: Book | null) {
  sessionStorage.removeItem(storageKey(book));
}
