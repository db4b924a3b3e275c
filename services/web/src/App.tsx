import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import type { Book } from "./api/schema";
import { BookList } from "./books/BookList";
import { EditDialog } from "./books/EditDialog";
import { FilterBar } from "./books/FilterBar";
import { type Filters, useFilters } from "./books/filters";
import { ImportDialog } from "./books/ImportDialog";
import { pageQuery } from "./books/queries";
import { ConnectionStatus } from "./ConnectionStatus";
import { Toasts } from "./Toasts";
import { TokenDialog } from "./TokenDialog";

const TYPING_MS = 150;

type Open = { dialog: "edit"; book: Book | null } | { dialog: "import"; file: File | null } | null;

export function App() {
  const [filters, change] = useFilters();
  const { shown, error } = useLoaded(useDebounced(filters));
  const [open, setOpen] = useState<Open>(null);
  const close = useCallback(() => setOpen(null), []);
  const edit = useCallback((book: Book) => setOpen({ dialog: "edit", book }), []);
  const isDropping = useDrop(useCallback((file: File) => setOpen({ dialog: "import", file }), []));

  return (
    <>
      <header>
        <h1>Bookshelf</h1>
        <div className="actions">
          <button type="button" className="primary" onClick={() => setOpen({ dialog: "edit", book: null })}>
            Add a book
          </button>
          <button type="button" onClick={() => setOpen({ dialog: "import", file: null })}>
            Import
          </button>
          <a href="/api/v1/books/export?format=csv" download>
            Export CSV
          </a>
          <a href="/api/v1/books/export?format=jsonl" download>
            Export JSON Lines
          </a>
        </div>
      </header>
      <main>
        <FilterBar filters={filters} change={change} />
        <ConnectionStatus />
        {error && <p role="alert">{error.message}</p>}
        {shown && <BookList key={JSON.stringify(shown)} filters={shown} loading={shown !== filters} edit={edit} />}
      </main>
      {isDropping && <div className="drop">Drop the file to import its books</div>}
      {open?.dialog === "edit" && <EditDialog book={open.book} close={close} />}
      {open?.dialog === "import" && <ImportDialog dropped={open.file} close={close} />}
      {!open && <TokenDialog />}
      <Toasts />
    </>
  );
}

/** The value when it has not changed for a moment. */
function useDebounced<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), TYPING_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** The filters whose books are shown: the ones before, until the first page of `wanted` is there. */
function useLoaded(wanted: Filters): { shown: Filters | null; error: Error | null } {
  const first = useQuery(pageQuery(wanted, null));
  const [shown, setShown] = useState<Filters | null>(null);
  if (first.data && shown !== wanted) setShown(wanted);
  return { shown, error: first.error };
}

/** Whether a file is being dragged over the page; calls `take` when it is dropped. */
function useDrop(take: (file: File) => void): boolean {
  const [isOver, setIsOver] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    const listen = (type: "dragover" | "dragleave" | "drop", react: (event: DragEvent) => void) =>
      addEventListener(type, react, { signal: controller.signal });
    listen("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // Else the browser opens the file in place of the page.
      setIsOver(true);
    });
    listen("dragleave", (event) => event.relatedTarget === null && setIsOver(false));
    listen("drop", (event) => {
      event.preventDefault();
      setIsOver(false);
      const file = event.dataTransfer?.files[0];
      if (file) take(file);
    });
    return () => controller.abort();
  }, [take]);
  return isOver;
}
