import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Book } from "../api/schema";
import { toasts } from "../Toasts";
import { useDeletion } from "./deletion";
import { patchBook, showChange } from "./queries";

interface Props {
  book: Book;
  edit: (book: Book) => void;
}

export function Row({ book, edit }: Props) {
  const queries = useQueryClient();
  const deletion = useDeletion(book);
  const mark = useMutation({
    // Of whichever version: it changes nothing that somebody else may have written meanwhile.
    mutationFn: (read: boolean) => patchBook(book.id, null, { read }),
    onSuccess: (changed) => showChange(queries, changed),
    onError: (error) => toasts.add({ title: `“${book.title}” is not marked`, description: error.message }),
  });

  // The last button is the same element before and after, so that the focus stays on it.
  return (
    <>
      {!deletion.isDeleted && (
        <input
          type="checkbox"
          aria-label={`Read: ${book.title}`}
          checked={mark.isPending ? mark.variables : book.read}
          onChange={(event) => mark.mutate(event.target.checked)}
        />
      )}
      {deletion.isDeleted ? (
        <span className="deleted">{book.title}</span>
      ) : (
        <div className="book">
          <button type="button" className="title" onClick={() => edit(book)}>
            {book.title}
          </button>
          <span className="by">
            {book.author}
            {book.published_year !== null && `, ${yearName(book.published_year)}`}
          </span>
        </div>
      )}
      <button
        type="button"
        aria-label={`${deletion.isDeleted ? "Keep" : "Delete"} ${book.title}`}
        onClick={deletion.isDeleted ? deletion.undo : deletion.begin}
      >
        {deletion.isDeleted ? "Keep" : "Delete"}
      </button>
    </>
  );
}

function yearName(year: number): string {
  return year < 0 ? `${-year} BC` : `${year}`;
}
