import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { answer, client, ProblemError } from "../api/client";
import type { Book, BookIn, BookPage, BookPatch } from "../api/schema";
import { type Filters, parameters } from "./filters";

/** Books a page, the most that the API gives. */
export const PAGE = 100;

/** A page of the list, by the cursor that the page before it gave (keyset pagination). */
export function pageQuery(filters: Filters, cursor: string | null) {
  return queryOptions({
    queryKey: ["books", filters, cursor],
    queryFn: ({ signal }) => {
      const query = { ...parameters(filters), limit: PAGE, ...(cursor === null ? {} : { cursor }) };
      return answer<BookPage>(client.GET("/api/v1/books", { params: { query }, signal }));
    },
    staleTime: 10_000,
    gcTime: 20_000, // Pages out of sight are forgotten, so that a long list takes no more memory than a short one.
  });
}

/** The cursor of the page after this one, or null on the last. */
export function nextCursor(page: BookPage): string | null {
  return page.next && new URL(page.next, location.origin).searchParams.get("cursor");
}

/** Show a changed book in the lists, at the place where it is. */
export function showChange(queries: QueryClient, book: Pick<Book, "id"> & Partial<Book>) {
  queries.setQueriesData<BookPage>(
    { queryKey: ["books"] },
    (page) => page && { ...page, items: page.items.map((item) => (item.id === book.id ? { ...item, ...book } : item)) },
  );
}

export function getBook(id: number): Promise<Book> {
  return answer<Book>(client.GET("/api/v1/books/{id}", { params: { path: { id } } }));
}

/** With the same key and body, it adds the book once, however often it is sent. */
export function createBook(body: BookIn, key: string, signal: AbortSignal): Promise<Book> {
  return answer<Book>(client.POST("/api/v1/books", { body, params: { header: { "Idempotency-Key": key } }, signal }));
}

/** `version` is the one that the change was made from; null changes whichever there is. */
export function patchBook(id: number, version: number | null, body: BookPatch, signal?: AbortSignal): Promise<Book> {
  const header = { "If-Match": version === null ? "*" : `"${version}"` };
  return answer<Book>(
    client.PATCH("/api/v1/books/{id}", { body, params: { path: { id }, header }, ...(signal && { signal }) }),
  );
}

/** Outlives the page, so that a book which was deleted just before the tab is closed is deleted. */
export async function deleteBook(book: Book): Promise<void> {
  const header = { "If-Match": `"${book.version}"` };
  const { response, error } = await client.DELETE("/api/v1/books/{id}", {
    params: { path: { id: book.id }, header },
    keepalive: true,
  });
  const gone = response.status === 404; // By a request before this one, whose answer was lost, or by somebody else.
  if (!response.ok && !gone) throw new ProblemError(error, response);
}
