import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { NoAnswerError } from "../api/connection";
import { Modal } from "../Modal";
import { mediaType, upload } from "./upload";

interface Props {
  /** The file that was dropped on the page, if that opened the dialog. */
  dropped: File | null;
  close: () => void;
}

export function ImportDialog({ dropped, close }: Props) {
  const queries = useQueryClient();
  const [file, setFile] = useState(dropped);
  const [sent, setSent] = useState(0);
  const stop = useRef<AbortController>(null);
  useEffect(() => () => stop.current?.abort(), []);

  const load = useMutation({
    mutationFn: (file: File) => {
      stop.current = new AbortController();
      setSent(0);
      return upload(file, setSent, stop.current.signal);
    },
    retry: false, // Without the answer nobody knows whether the books are there: the person looks first.
    onSuccess: () => queries.invalidateQueries({ queryKey: ["books"] }),
  });
  const report = load.data;
  const isReadable = file && mediaType(file) !== undefined;

  return (
    <Modal title="Import books" close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (file) load.mutate(file);
        }}
      >
        <p>
          A CSV file whose first line names its columns (title and author, and if you like description, isbn,
          published_year and read), or JSON Lines. All books are added, or none if any line is bad.
        </p>
        <label>
          {/* A file that was dropped can't be put into the input, so its name stands beside it. */}
          File
          <input
            type="file"
            accept=".csv,.jsonl,.ndjson"
            disabled={load.isPending}
            onClick={(event) => {
              event.currentTarget.value = ""; // So that the same file, mended, can be chosen again.
            }}
            onChange={(event) => {
              load.reset();
              setFile(event.target.files?.[0] ?? null);
            }}
          />
        </label>
        {file && file === dropped && (
          <p className="file">
            {file.name}, {Math.ceil(file.size / 1000).toLocaleString()} kB
          </p>
        )}
        {file && !isReadable && <p role="alert">Only files that end in .csv, .jsonl or .ndjson can be read.</p>}
        {load.isPending && (
          <>
            <progress aria-label="Import" max={1} {...(sent < 1 && { value: sent })} />
            <p role="status">
              {sent < 1 ? `Sending: ${Math.floor(sent * 100)} %` : "Checking every line and storing the books …"}
            </p>
          </>
        )}
        {load.error && <p role="alert">{explain(load.error)}</p>}
        {report && "imported" in report && (
          <p role="status">
            Imported {report.imported.toLocaleString()} {report.imported === 1 ? "book" : "books"}.
          </p>
        )}
        {report && "detail" in report && (
          <>
            <p role="alert">
              {report.bad_lines?.toLocaleString()} of {report.lines?.toLocaleString()} lines are bad; nothing was
              imported.
            </p>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: without a mouse, it scrolls only while it has the focus. */}
            <section className="bad-lines" aria-label="Bad lines" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">Line</th>
                    <th scope="col">What is wrong</th>
                  </tr>
                </thead>
                <tbody>
                  {report.errors.map((error) => (
                    <tr key={`${error.line} ${error.pointer} ${error.detail}`}>
                      <td>{error.line}</td>
                      <td>
                        {error.pointer?.slice("#/".length)} {error.detail}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
          </>
        )}
        <div className="buttons">
          <button type="button" onClick={close}>
            {load.isPending ? "Cancel" : "Close"}
          </button>
          <button type="submit" className="primary" disabled={!isReadable || load.isPending || load.isSuccess}>
            Import
          </button>
        </div>
      </form>
    </Modal>
  );
}

function explain(error: Error): string {
  if (!(error instanceof NoAnswerError)) return error.message;
  return "The connection was lost before the catalogue told the outcome. Look whether the books are there before you import the file again.";
}
