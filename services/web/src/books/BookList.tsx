import { useQueries } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { Book } from "../api/schema";
import { Row } from "./BookRow";
import type { Filters } from "./filters";
import { nextCursor, PAGE, pageQuery } from "./queries";

const ROW_PX = 64; // As .row in style.css: rows of one height need no measuring.

/** Rows that are scrolled through at once: browsers limit an element's height, Firefox to 17.9 million pixels. */
const SECTION = 100_000;

interface Props {
  filters: Filters;
  loading: boolean;
  edit: (book: Book) => void;
}

/**
 * An endless list. Only the rows in view are in the document, and only the pages in view are loaded; of the others it
 * keeps the cursors, with which they are found again (keyset pagination).
 */
export function BookList({ filters, loading, edit }: Props) {
  const [cursors, setCursors] = useState<(string | null)[]>([null]);
  const [end, setEnd] = useState<number | null>(null);
  const [section, setSection] = useState(0);
  const list = useRef<HTMLUListElement>(null);

  const known = end ?? cursors.length * PAGE;
  const first = section * SECTION;
  const rows = useWindowVirtualizer({
    count: Math.min(known - first, SECTION),
    estimateSize: () => ROW_PX,
    overscan: 20,
    scrollMargin: list.current?.offsetTop ?? 0,
  });
  const visible = rows.getVirtualItems();
  const pages = [...new Set(visible.map((row) => Math.floor((first + row.index) / PAGE)))];
  const results = useQueries({ queries: pages.map((page) => pageQuery(filters, cursors[page] ?? null)) });
  const loaded = new Map(pages.map((page, i) => [page, results[i]?.data]));

  // Each page tells where the next one begins, also when it was loaded anew and has changed.
  useEffect(() => {
    for (const [page, data] of loaded) {
      if (!data) continue;
      const next = nextCursor(data);
      if (next === null) {
        setEnd(page * PAGE + data.items.length);
        if (cursors.length > page + 1) setCursors(cursors.slice(0, page + 1));
      } else if (cursors[page + 1] !== next) {
        setEnd(null);
        setCursors([...cursors.slice(0, page + 1), next, ...cursors.slice(page + 2)]);
      }
    }
  });

  function show(other: number) {
    setSection(other);
    scrollTo({ top: 0 });
  }

  return (
    <>
      <p role="status" className="count">
        {end === null ? `More than ${(known - PAGE).toLocaleString()} books` : countOf(end)}
      </p>
      {section > 0 && (
        <button type="button" onClick={() => show(section - 1)}>
          Show the {SECTION.toLocaleString()} books before
        </button>
      )}
      <ul id="books" aria-label="Books" aria-busy={loading} ref={list} style={{ height: rows.getTotalSize() }}>
        {visible.map((row) => {
          const index = first + row.index;
          const book = loaded.get(Math.floor(index / PAGE))?.items[index % PAGE];
          return (
            <li
              key={book?.id ?? `row ${index}`}
              className="row"
              aria-posinset={index + 1}
              aria-setsize={end ?? -1}
              style={{ transform: `translateY(${row.start - rows.options.scrollMargin}px)` }}
            >
              {book ? <Row book={book} edit={edit} /> : <span className="loading">Loading …</span>}
            </li>
          );
        })}
      </ul>
      {known > first + SECTION && (
        <button type="button" onClick={() => show(section + 1)}>
          Show the next {SECTION.toLocaleString()} books
        </button>
      )}
    </>
  );
}

function countOf(books: number): string {
  return books === 0 ? "No books match." : books === 1 ? "1 book" : `${books.toLocaleString()} books`;
}
