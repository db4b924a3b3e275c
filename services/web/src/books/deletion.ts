import { MutationObserver, type QueryClient, useQueryClient } from "@tanstack/react-query";
import type { Book } from "../api/schema";
import { createStore } from "../store";
import { toasts } from "../Toasts";
import { deleteBook } from "./queries";

const UNDO_MS = 8_000;

/**
 * Books that can still be kept, with what tells of their deletion. The request is sent when that time is over, so that
 * undoing needs nothing of the server.
 */
const waiting = new Map<number, { book: Book; toast: string }>();

/** Ids of the books that the list shows as deleted. */
const deleted = createStore<ReadonlySet<number>>(new Set());

// The tab is closed or goes elsewhere, and with it the undo.
addEventListener("pagehide", () => {
  for (const { book } of waiting.values()) deleteBook(book).catch(() => {}); // Nobody is left to be told.
});

// It is shown again by the back button, as it was: with an undo for what is gone.
addEventListener("pageshow", (event) => {
  if (event.persisted && waiting.size) location.reload();
});

export function useDeletion(book: Book) {
  const queries = useQueryClient();
  return {
    isDeleted: deleted.use().has(book.id),
    begin: () => begin(book, queries),
    undo: () => undo(book),
  };
}

function begin(book: Book, queries: QueryClient) {
  deleted.set(new Set(deleted.get()).add(book.id));
  const toast = toasts.add({
    title: `Deleted “${book.title}”`,
    timeout: UNDO_MS,
    onClose: () => waiting.delete(book.id) && finish(book, queries),
    actionProps: { children: "Undo", onClick: () => undo(book) },
  });
  waiting.set(book.id, { book, toast });
}

function undo(book: Book) {
  const found = waiting.get(book.id);
  if (!found) return;
  waiting.delete(book.id);
  showAgain(book);
  toasts.close(found.toast);
}

async function finish(book: Book, queries: QueryClient) {
  try {
    await new MutationObserver(queries, { mutationFn: () => deleteBook(book) }).mutate();
  } catch (error) {
    toasts.add({ title: `“${book.title}” is not deleted`, description: (error as Error).message, priority: "high" });
  }
  await queries.invalidateQueries({ queryKey: ["books"] });
  showAgain(book);
}

/** No longer show the book as deleted: it was kept, or it is gone and no page of the list has it. */
function showAgain(book: Book) {
  deleted.set(new Set([...deleted.get()].filter((id) => id !== book.id)));
}
