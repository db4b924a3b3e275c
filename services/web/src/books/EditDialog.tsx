import { Field } from "@base-ui/react/field";
import { Form } from "@base-ui/react/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useEffect, useRef, useState } from "react";
import { ProblemError } from "../api/client";
import type { Book } from "../api/schema";
import { Modal } from "../Modal";
import { toasts } from "../Toasts";
import { ConflictForm } from "./ConflictForm";
import {
  type Draft,
  differences,
  discardDraft,
  type FieldName,
  keepDraft,
  LABELS,
  loadDraft,
  newDraft,
  toBody,
  toValues,
  type Values,
} from "./form";
import { createBook, getBook, patchBook, showChange } from "./queries";

interface Props {
  /** The book to edit; null to add one. */
  book: Book | null;
  close: () => void;
}

/** Somebody saved the book meanwhile. */
class ConflictError extends Error {
  constructor(readonly theirs: Book) {
    super("Somebody saved this book meanwhile.");
  }
}

export function EditDialog({ book, close }: Props) {
  const queries = useQueryClient();
  const [restored, setRestored] = useState(() => loadDraft(book));
  const [draft, setDraft] = useState(() => restored ?? newDraft(book));
  const stop = useRef(new AbortController());
  // A closed dialog sends nothing more, not even a request that is waiting to be sent again; the draft is kept.
  useEffect(() => {
    stop.current = new AbortController();
    return () => stop.current.abort();
  }, []);

  const save = useMutation({
    mutationFn: (draft: Draft) => send(draft, stop.current.signal),
    onSuccess: async (saved, { base }) => {
      discardDraft(book);
      close();
      if (base) {
        showChange(queries, saved);
      } else {
        toasts.add({ title: `Added “${saved.title}”` });
        await queries.invalidateQueries({ queryKey: ["books"] });
      }
    },
    onError: (error) => error instanceof ConflictError && showChange(queries, error.theirs),
  });

  function change(base: Book | null, values: Values): Draft {
    const changed = newDraft(base, values);
    setDraft(changed);
    keepDraft(book, changed);
    return changed;
  }

  const { values, base } = draft;
  if (save.error instanceof ConflictError && base) {
    const { theirs } = save.error;
    return (
      // Another dialog than the form's, so that the focus goes to it.
      <Modal key="conflict" title="This book has changed" close={close}>
        <ConflictForm
          base={toValues(base)}
          mine={values}
          theirs={toValues(theirs)}
          cancel={() => save.reset()}
          choose={(chosen) => save.mutate(change(theirs, chosen))}
        />
      </Modal>
    );
  }

  const { errors, rest } = sortErrors(save.error);
  const isGone = save.error instanceof ProblemError && save.error.status === 404;
  const text = (name: Exclude<FieldName, "read">, control?: ReactElement) => (
    <Field.Root name={name} className="field">
      <Field.Label>{LABELS[name]}</Field.Label>
      <Field.Control
        value={values[name]}
        onValueChange={(value) => change(base, { ...values, [name]: value })}
        required={name === "title" || name === "author"}
        autoComplete="off"
        {...(control && { render: control })}
      />
      <Field.Error className="error" />
    </Field.Root>
  );
  return (
    <Modal title={book ? "Edit book" : "Add a book"} close={close}>
      {restored && (
        <div className="note">
          <p role="status">What you typed is here again.</p>
          <button
            type="button"
            onClick={() => {
              discardDraft(book);
              setRestored(null);
              setDraft(newDraft(book));
              save.reset();
            }}
          >
            Discard it
          </button>
        </div>
      )}
      <Form errors={errors} onFormSubmit={() => save.mutate(draft)}>
        {text("title")}
        {text("author")}
        <div className="pair">
          {text("published_year", <input inputMode="text" placeholder="-700 for 700 BC" />)}
          {text("isbn", <input placeholder="10 or 13 digits" />)}
        </div>
        {text("description", <textarea rows={5} />)}
        <label className="check">
          <input
            type="checkbox"
            checked={values.read}
            onChange={(event) => change(base, { ...values, read: event.target.checked })}
          />
          {LABELS.read}
        </label>
        {isGone ? (
          <div className="note">
            <p role="alert">Somebody deleted this book.</p>
            <button type="button" onClick={() => save.mutate(change(null, values))}>
              Add it again
            </button>
          </div>
        ) : (
          rest && <p role="alert">{rest}</p>
        )}
        <div className="buttons">
          {save.isPending && <span>Saving …</span>}
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={save.isPending}>
            {book ? "Save" : "Add"}
          </button>
        </div>
      </Form>
    </Modal>
  );
}

/** The errors that belong to a field of the form, and in one text those that don't. */
function sortErrors(error: Error | null): { errors: Partial<Record<FieldName, string>>; rest: string | null } {
  if (!(error instanceof ProblemError)) return { errors: {}, rest: error?.message ?? null };
  const errors: Partial<Record<FieldName, string>> = {};
  for (const { pointer, detail } of error.errors) {
    const name = pointer?.slice("#/".length) as FieldName | undefined;
    if (name && name in LABELS) errors[name] = `${LABELS[name]} ${detail}`;
  }
  return { errors, rest: Object.keys(errors).length ? null : error.message };
}

/** Add the book, or change what differs from the one that the typing began with; gives the book as it is then. */
async function send({ base, values, key }: Draft, signal: AbortSignal): Promise<Book> {
  const body = toBody(values);
  if (!base) return createBook(body, key, signal);
  const changes = differences(values, toValues(base)).map((name) => [name, body[name]]);
  if (changes.length === 0) return base;
  try {
    return await patchBook(base.id, base.version, Object.fromEntries(changes), signal);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 412) throw error;
    const theirs = await getBook(base.id);
    // The answer to a request before this one was lost, or both typed the same: it is as it should be.
    if (differences(values, toValues(theirs)).length === 0) return theirs;
    throw new ConflictError(theirs);
  }
}
